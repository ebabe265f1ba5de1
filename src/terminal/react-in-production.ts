/**
 * React chooses its build when it is loaded, by NODE_ENV. Its development build takes several times the processor and
 * notes every render in Node's performance timeline, which grows for as long as the screen is open. Import this module
 * before anything that imports React, and call `restoreNodeEnv` afterwards: child processes inherit the environment.
 */
const given = process.env.NODE_ENV;
if (given !== 'test') process.env.NODE_ENV = 'production';

/** Puts NODE_ENV back as it was given. */
export function restoreNodeEnv(): void {
  if (given === undefined) delete process.env.NODE_ENV;
  else process.env.NODE_ENV = given;
}
