DROP VIEW document_processing_stages;
DROP TABLE tracking;
DROP TABLE document_streams;
DROP TABLE stage_dependencies;
DROP TABLE processing_workflows;
DROP TABLE stage_output_files;
DROP TABLE documents_processing_stages;

-- Only a `documents` that docledger made is dropped, and one that holds documents only when
-- whoever runs this has agreed to lose them: the log cannot give back another application's rows.
DO $$
DECLARE
    ours boolean;
    in_use boolean;
BEGIN
    ours := coalesce(
        obj_description(to_regclass('public.documents'), 'pg_class')
        = 'made by docledger, migration 2', false);
    IF ours THEN
        LOCK TABLE public.documents IN ACCESS EXCLUSIVE MODE;
        SELECT EXISTS (SELECT FROM public.documents) INTO in_use;
        IF NOT in_use OR current_setting('docledger.delete_events', true) = 'on' THEN
            DROP TABLE public.documents;
        END IF;
    END IF;
END
$$;
