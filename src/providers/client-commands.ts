import { shellWord } from './platforms/platform.ts';
import type { StepSetting } from './step.ts';

type Address = StepSetting['source'];

/** `"host=… port=… user=… dbname=…"` for psql, which asks for the password itself. */
export function psql({ host, port, user, database }: Address, rest: string): string {
  // https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-KEYWORD-VALUE
  const value = (text: string) =>
    /^[\w.:/-]+$/.test(text) ? text : `'${text.replace(/[\\']/g, (character) => `\\${character}`)}'`;
  const words = `host=${value(host)} port=${port} user=${value(user)} dbname=${value(database)}`;
  return `psql ${quoted(words)} ${rest}`;
}

const quoted = (words: string): string => (/^[\w.:/= -]+$/.test(words) ? `"${words}"` : shellWord(words));

/** Answers whether the server can be reached, without logging in. */
export const isReady = ({ host, port }: Address): string => `pg_isready -h ${shellWord(host)} -p ${port}`;
