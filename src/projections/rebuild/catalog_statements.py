"""The statements that read PostgreSQL's catalogs: everything that is the same after a rebuild."""

# Only names of PostgreSQL's own catalogs are put together here.
# ruff: noqa: S608

RELATION = "$relation"
"""Stands in grants for the name of the table."""

_GRANTEE = "CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END"
_OPTION = "CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END"

TABLE = f"""
    SELECT c.oid::int8, c.relname AS name, pg_get_userbyid(c.relowner) AS owner,
        c.relpersistence::text AS persistence, c.relreplident::text AS identity,
        coalesce((SELECT amname FROM pg_am m WHERE m.oid = c.relam), '') AS access_method,
        coalesce((SELECT spcname FROM pg_tablespace s WHERE s.oid = c.reltablespace), '')
            AS tablespace,
        coalesce(c.reloptions, '{{}}') || coalesce(
            (SELECT array_agg('toast.' || o) FROM pg_class t, unnest(t.reloptions) o
             WHERE t.oid = c.reltoastrelid), '{{}}') AS options,
        obj_description(c.oid, 'pg_class') AS comment,
        c.relacl IS NOT NULL AS has_grants,
        ARRAY(SELECT a.privilege_type || ' ON {RELATION} TO ' || {_GRANTEE} || {_OPTION}
            FROM aclexplode(c.relacl) WITH ORDINALITY a (grantor, grantee, privilege_type,
                is_grantable, n) ORDER BY n) AS grants
    FROM pg_class c WHERE c.oid = to_regclass(%(table)s)
"""
"""A table or view itself."""

COLUMNS = f"""
    SELECT t.attname AS name, t.atttypid::int8 AS type_oid,
        t.attgenerated <> '' AS is_generated,
        nullif(t.attstattarget, -1) AS statistics, t.attoptions AS options,
        col_description(t.attrelid, t.attnum) AS comment,
        ARRAY(SELECT a.privilege_type || ' (' || quote_ident(t.attname) || ') ON {RELATION} TO '
                || {_GRANTEE} || {_OPTION}
            FROM aclexplode(t.attacl) WITH ORDINALITY a (grantor, grantee, privilege_type,
                is_grantable, n) ORDER BY n) AS grants
    FROM pg_attribute t
    WHERE t.attrelid = %(oid)s AND t.attnum > 0 AND NOT t.attisdropped ORDER BY t.attnum
"""
"""Its columns."""

INDEXES = """
    SELECT i.relname AS name, x.indisunique AS is_unique,
        substring(pg_get_indexdef(x.indexrelid) FROM ' (USING .*)$') AS method,
        obj_description(i.oid, 'pg_class') AS comment,
        coalesce((SELECT spcname FROM pg_tablespace s WHERE s.oid = i.reltablespace), '')
            AS tablespace,
        c.conname AS constraint, c.contype::text AS constraint_type,
        CASE WHEN c.condeferrable THEN ' DEFERRABLE' ELSE '' END
            || CASE WHEN c.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END AS constraint_rest,
        obj_description(c.oid, 'pg_constraint') AS constraint_comment,
        x.indisclustered AS is_clustered, x.indisreplident AS is_identity,
        x.indnatts::int AS columns
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
    LEFT JOIN pg_constraint c ON c.conindid = x.indexrelid AND c.conrelid = x.indrelid
        AND c.contype IN ('p', 'u', 'x')
    WHERE x.indrelid = %(oid)s AND x.indisvalid ORDER BY i.relname
"""
"""Its indexes, each with the constraint that it carries."""

CONSTRAINTS = """
    SELECT conname AS name, contype::text AS type, pg_get_constraintdef(oid) AS definition,
        obj_description(oid, 'pg_constraint') AS comment
    FROM pg_constraint
    WHERE conrelid = %(oid)s AND contype IN ('c', 'f', 'n') ORDER BY conname
"""
"""Its checks, foreign keys and named NOT NULLs."""

PUBLICATIONS = """
    SELECT p.pubname AS name,
        coalesce(' (' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
            FROM pg_attribute a
            WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs)) || ')', '')
        || coalesce(' WHERE (' || pg_get_expr(r.prqual, r.prrelid) || ')', '') AS rest
    FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
    WHERE r.prrelid = %(oid)s ORDER BY p.pubname
"""
"""The publications that name it."""

# Indexes, constraints, defaults, types and toast tables of the tables' own go with them.
DEPENDENTS = """
    SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid)
    FROM pg_depend d
    WHERE (d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY (%(oids)s)
            OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (
                SELECT unnest(ARRAY[reltype, (SELECT typarray FROM pg_type WHERE oid = reltype)])
                FROM pg_class WHERE oid = ANY (%(oids)s)))
        AND NOT CASE d.classid
            WHEN 'pg_class'::regclass THEN EXISTS (
                SELECT FROM pg_class c LEFT JOIN pg_index x ON x.indexrelid = c.oid
                WHERE c.oid = d.objid AND (c.relkind = 't' OR x.indrelid = ANY (%(oids)s)))
            WHEN 'pg_constraint'::regclass THEN EXISTS (
                SELECT FROM pg_constraint c
                WHERE c.oid = d.objid AND c.conrelid = ANY (%(oids)s) AND c.contype <> 'x')
            WHEN 'pg_attrdef'::regclass THEN EXISTS (
                SELECT FROM pg_attrdef a WHERE a.oid = d.objid AND a.adrelid = ANY (%(oids)s))
            WHEN 'pg_type'::regclass THEN EXISTS (
                SELECT FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem
                WHERE t.oid = d.objid
                    AND (t.typrelid = ANY (%(oids)s) OR e.typrelid = ANY (%(oids)s)))
            WHEN 'pg_rewrite'::regclass THEN EXISTS (
                SELECT FROM pg_rewrite r WHERE r.oid = d.objid AND r.rulename = '_RETURN'
                    AND r.ev_class = ANY (%(oids)s))
            WHEN 'pg_trigger'::regclass THEN EXISTS (
                SELECT FROM pg_trigger t WHERE t.oid = d.objid AND t.tgisinternal)
            WHEN 'pg_publication_rel'::regclass THEN true
            ELSE false
        END
    UNION ALL
    SELECT 'row security of ' || c.oid::regclass FROM pg_class c
    WHERE c.oid = ANY (%(oids)s) AND (c.relrowsecurity OR c.relforcerowsecurity)
    ORDER BY 1
"""
"""What depends on these tables and views that a swap would not carry over."""
