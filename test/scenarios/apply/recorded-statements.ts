import type pg from 'pg';

/** Notes the text of every plain query and COPY of a client. */
export function record(client: pg.Client, statements: string[]): void {
  const query = client.query.bind(client) as (...parameters: unknown[]) => unknown;
  const recording = (...parameters: unknown[]) => {
    const [first] = parameters;
    if (typeof first === 'string') statements.push(first);
    else if (typeof first === 'object' && first !== null && 'text' in first) statements.push(String(first.text));
    return query(...parameters);
  };
  Object.assign(client, { query: recording });
}
