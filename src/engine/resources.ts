/**
 * Things to be released together, the newest first, whatever happens. What the language's `AsyncDisposableStack` does,
 * which Node 20 does not have.
 */
export class Resources implements AsyncDisposable {
  readonly #releases: (() => void | Promise<void>)[] = [];

  defer(release: () => void | Promise<void>): void {
    this.#releases.push(release);
  }

  use<T extends AsyncDisposable>(resource: T): T {
    this.#releases.push(async () => resource[Symbol.asyncDispose]());
    return resource;
  }

  /** Releases everything, even when one release fails; rejects with the first failure then. */
  async [Symbol.asyncDispose](): Promise<void> {
    let failure: { error: unknown } | null = null;
    for (let release = this.#releases.pop(); release; release = this.#releases.pop()) {
      try {
        await release();
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure) throw failure.error;
  }
}
