DROP TABLE docledger_storage;
