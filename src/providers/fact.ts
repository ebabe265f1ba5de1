import type pg from 'pg';

/** Something to know about a server that more than one check asks for. The object itself is its name. */
export interface Fact<T> {
  read(client: pg.Client, askHere: AskHere): Promise<T>;
}

/** Asks the server of `side`. */
export type Ask = <T>(side: 'source' | 'target', fact: Fact<T>) => Promise<T>;
/** Asks the server that a fact is read from for another fact. */
export type AskHere = <T>(fact: Fact<T>) => Promise<T>;

/** Reads facts at the first question and keeps the answers: with 10,000 tables and 60 checks few queries must do. */
export function createAsk(clients: Readonly<Record<'source' | 'target', pg.Client>>): Ask {
  const known = {
    source: new Map<Fact<unknown>, Promise<unknown>>(),
    target: new Map<Fact<unknown>, Promise<unknown>>(),
  };
  const ask: Ask = <T>(side: 'source' | 'target', fact: Fact<T>): Promise<T> => {
    const answers = known[side] as Map<Fact<unknown>, Promise<T>>;
    const answer = answers.get(fact) ?? fact.read(clients[side], (other) => ask(side, other));
    answers.set(fact, answer);
    return answer;
  };
  return ask;
}
