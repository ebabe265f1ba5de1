import { useStdout } from 'ink';
import { useEffect, useState } from 'react';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** The terminal's size, followed as it changes: Ink lays out again on a resize but renders no component. */
export function useSize(): Size {
  const { stdout } = useStdout();
  const [size, setSize] = useState<Size>({ columns: stdout.columns, rows: stdout.rows });
  useEffect(() => {
    const follow = (): void => setSize({ columns: stdout.columns, rows: stdout.rows });
    stdout.on('resize', follow);
    follow();
    return () => {
      stdout.off('resize', follow);
    };
  }, [stdout]);
  return size;
}
