type Gate = { readonly id: string; readonly title: string };

/** How a place names the ways out: the wizard by its keys, an error of the command by its options. */
export interface RemedyWords {
  readonly freeze: string;
  readonly changes: string;
  readonly override: string;
}

export const COMMAND_REMEDIES: RemedyWords = {
  freeze: 'give --freeze-source',
  changes: 'run the statements that status shows for the changed tables',
  override: 'give --override with a reason',
};

/** What can be done about open conditions, the nearest first: what ends a writer, what to run, what to wait for. */
export function gateRemedy(open: readonly Gate[], words: RemedyWords): string {
  const has = (id: string): boolean => open.some((gate) => gate.id === id);
  const others = open.filter(({ id }) => id !== 'writers' && id !== 'schema');
  return [
    ...(has('writers') ? [`${words.freeze}, or stop the application`] : []),
    ...(has('schema') ? [words.changes] : []),
    ...(others.length > 0 ? [`wait for: ${others.map(({ title }) => title).join(', ')}`] : []),
    `or ${words.override}`,
  ].join('; ');
}
