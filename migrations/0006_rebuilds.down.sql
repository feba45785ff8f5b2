DROP FUNCTION docledger_unchange_read_models(int, text);
DROP FUNCTION docledger_change_read_models(int, text);
DROP FUNCTION docledger_alter_read_models(text);
DROP FUNCTION docledger_rebuild_is_running();
DROP TABLE read_model_versions;
DROP TABLE read_model_rebuilds;
