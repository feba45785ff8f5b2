DROP FUNCTION docledger_append(
    text[], bigint[], text[], bytea[], jsonb, text[], text[], text[], bytea[], boolean);
DROP TABLE document_keys;
DROP TABLE docledger_events;
DROP FUNCTION docledger_refuse_change();
DROP FUNCTION docledger_order_times();
DROP FUNCTION docledger_order_appends();
DROP FUNCTION docledger_last_at();
DROP FUNCTION docledger_lock_log();
