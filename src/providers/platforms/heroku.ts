import type { Platform } from './platform.ts';

const REFUSED = 'Heroku Postgres gives no role the right to replicate, and no access to the parameters it needs.';
const WAY_OUT =
  'Copy the database to a server that allows it (heroku pg:backups:download, then pg_restore) with the application stopped, or ask Heroku whether your plan can stream.';

/** https://devcenter.heroku.com/articles/heroku-postgresql */
export const heroku: Platform = {
  id: 'heroku',
  label: 'Heroku Postgres',
  tab: 'by-extension',
  signs: { schemas: ['heroku_ext'] },
  hosts: null,
  note: REFUSED,
  unfit: WAY_OUT,
  wrongAddress: null,
  extensions: [],
  schemas: [],
  change: ({ name }) => [`${name} can't be changed. ${REFUSED}`, WAY_OUT],
  restart: () => ['Command: heroku pg:maintenance:run --force'],
  grantReplication: () => [REFUSED, WAY_OUT],
};
