ALTER TABLE docledger_events
    DROP CONSTRAINT docledger_events_begins_with_time,
    ADD CONSTRAINT docledger_events_begins_with_time CHECK (
        encode(substring(state FROM 1 FOR 35), 'escape')
            ~ '^{"at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"$'
        AND encode(substring(state FROM 8 FOR 27), 'escape')::timestamptz IS NOT NULL
    );
