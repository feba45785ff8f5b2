-- Every event has to begin with its time: the same as before, without a pattern that repeats, which
-- took longer than all other checks of an append together.
--
-- NOT VALID: the events that are there have passed the old one, and no append waits for a scan.
ALTER TABLE docledger_events
    DROP CONSTRAINT docledger_events_begins_with_time,
    -- One time that cannot be read would be handed on to every later event.
    ADD CONSTRAINT docledger_events_begins_with_time CHECK (
        substring(state FROM 1 FOR 7) = '\x7b226174223a22' -- {"at":"
        AND translate(encode(substring(state FROM 8 FOR 28), 'escape'), '123456789', '000000000')
            = '0000-00-00T00:00:00.000000Z"'
        AND encode(substring(state FROM 8 FOR 27), 'escape')::timestamptz IS NOT NULL
    ) NOT VALID;
