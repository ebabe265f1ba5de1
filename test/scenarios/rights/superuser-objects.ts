/** An object of the source, made by a superuser, that the target's role may not make; and what is to be done. */
export const SUPERUSER_OBJECTS: readonly (readonly [kind: string, make: string, drop: string, remedy: string])[] = [
  [
    'operator family public.f',
    'CREATE OPERATOR FAMILY public.f USING btree',
    'DROP OPERATOR FAMILY public.f USING btree',
    'Drop the operator family public.f on the source, or leave it out with --leave-out, or its schema with --exclude-schema.',
  ],
  [
    'operator class public.c',
    `CREATE OPERATOR CLASS public.c FOR TYPE int4 USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
       FUNCTION 1 btint4cmp(int4, int4)`,
    'DROP OPERATOR FAMILY public.c USING btree CASCADE',
    'Drop the operator class public.c on the source, or leave it out with --leave-out, or its schema with --exclude-schema.',
  ],
  [
    'base type public.b',
    `CREATE TYPE public.b; CREATE FUNCTION public.b_in(cstring) RETURNS public.b LANGUAGE internal IMMUTABLE STRICT AS 'textin';
     CREATE FUNCTION public.b_out(public.b) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
     CREATE TYPE public.b (INPUT = public.b_in, OUTPUT = public.b_out, LIKE = text)`,
    'DROP TYPE public.b CASCADE',
    'Drop the base type public.b on the source, or leave it out with --leave-out, or its schema with --exclude-schema.',
  ],
  [
    'text search template public.t',
    'CREATE TEXT SEARCH TEMPLATE public.t (LEXIZE = dsimple_lexize)',
    'DROP TEXT SEARCH TEMPLATE public.t',
    'Drop the text search template public.t on the source, or leave it out with --leave-out, or its schema with --exclude-schema.',
  ],
  [
    'text search parser public.p',
    'CREATE TEXT SEARCH PARSER public.p (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype)',
    'DROP TEXT SEARCH PARSER public.p',
    'Drop the text search parser public.p on the source, or leave it out with --leave-out, or its schema with --exclude-schema.',
  ],
  [
    'access method heap2',
    'CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler',
    'DROP ACCESS METHOD heap2',
    'Drop the access method heap2 on the source, or leave it out with --leave-out, or its schema with --exclude-schema.',
  ],
  [
    'cast (integer AS text)',
    'CREATE CAST (integer AS text) WITH INOUT AS IMPLICIT',
    'DROP CAST (integer AS text)',
    'Drop the cast (integer AS text) on the source, or leave it out with --leave-out, or its schema with --exclude-schema.',
  ],
  [
    'binary cast (integer AS xid)',
    'CREATE CAST (integer AS xid) WITHOUT FUNCTION',
    'DROP CAST (integer AS xid)',
    'Drop the binary cast (integer AS xid) on the source, or leave it out with --leave-out, or its schema with --exclude-schema.',
  ],
  [
    'function of a language public.up(text)',
    "CREATE FUNCTION public.up(text) RETURNS text LANGUAGE internal AS 'upper'",
    'DROP FUNCTION public.up',
    'Drop the function public.up(text) on the source, or leave it out with --leave-out, or its schema with --exclude-schema.',
  ],
  [
    'leakproof function public.sure()',
    "CREATE FUNCTION public.sure() RETURNS int LANGUAGE sql LEAKPROOF AS 'SELECT 1'",
    'DROP FUNCTION public.sure',
    'On the source: ALTER FUNCTION public.sure() NOT LEAKPROOF;',
  ],
  [
    'function with a setting public.quiet()',
    "CREATE FUNCTION public.quiet() RETURNS int LANGUAGE sql SET log_statement = 'none' SET search_path = public AS 'SELECT 1'",
    'DROP FUNCTION public.quiet',
    'GRANT SET ON PARAMETER log_statement TO "mover"; or on the source: ALTER ROUTINE public.quiet() RESET log_statement;',
  ],
  [
    'foreign server far',
    'CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw',
    'DROP EXTENSION postgres_fdw CASCADE',
    'GRANT USAGE ON FOREIGN DATA WRAPPER "postgres_fdw" TO "mover";',
  ],
];
