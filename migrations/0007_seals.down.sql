DROP TABLE log_seal_tiles;
DROP TABLE log_seals;
