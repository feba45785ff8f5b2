DROP FUNCTION docledger_append(
    text[], bigint[], text[], bytea[], jsonb, text[], text[], text[], bytea[]);
DROP TABLE document_keys;
DROP TABLE docledger_events;
DROP FUNCTION docledger_refuse_change();
DROP FUNCTION docledger_order_appends();
DROP FUNCTION docledger_lock_log();
