/** One line of figures on the standard output of a soak. */
export function say(what: string, figures: Readonly<Record<string, unknown>>): void {
  const text = Object.entries(figures).map(([name, value]) => {
    const shown = typeof value === 'number' ? Math.round(value * 100) / 100 : value;
    return `${name} ${typeof shown === 'object' ? JSON.stringify(shown) : String(shown)}`;
  });
  process.stdout.write(`${what}: ${text.join(', ')}\n`);
}
