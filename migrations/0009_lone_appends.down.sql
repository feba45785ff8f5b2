CREATE OR REPLACE FUNCTION docledger_append(
    document_ids text[], versions bigint[], topics text[], states bytea[],
    registrations jsonb, deleted_ids text[],
    key_document_ids text[], key_ids text[], keys bytea[], whole boolean
) RETURNS TABLE (event_position bigint, event_at text, refusal text)
LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM set_config('docledger.own_change', 'yes', true);
    RETURN QUERY SELECT * FROM docledger_append_documents(
        document_ids, versions, topics, states, registrations, deleted_ids,
        key_document_ids, key_ids, keys, whole);
    PERFORM set_config('docledger.own_change', 'no', true);
END
$$;

COMMENT ON FUNCTION docledger_append(
    text[], bigint[], text[], bytea[], jsonb, text[], text[], text[], bytea[], boolean) IS
    'docledger_append_documents, its own changes of documents marked as such';
