/** A rough figure for text and binary rows with their indexes over one good network connection. */
const BYTES_PER_SECOND_AND_JOB = 25 * 1024 * 1024;

/** How long copying takes, in seconds: rough, for planning. `bytes` of tables, `tableJobs` of them at once. */
export const estimateCopySeconds = (bytes: number, tableJobs: number): number =>
  bytes / (BYTES_PER_SECOND_AND_JOB * tableJobs);
