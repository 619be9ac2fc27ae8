// graphile-worker: its worker works jobs off that do nothing. One at once: batches of 50
// through its local queue. Four at once: the settings that its documents give for the
// highest throughput (https://worker.graphile.org/docs/performance), 24 jobs at once and
// batches of 500. Completions go in batches too. Jobs are deleted when they are done.

import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import pg from 'pg';
import { BATCH, dueTime, inSlices, later, measured, postgresTime, priority, range, ready, serve }
  from './measure.mjs';

const connectionString = process.env.ARREARS_TEST_POSTGRES;
const schema = ['graphile', ...process.argv.slice(4)].join('_');
// What it tells is of no concern here.
const logger = new Logger(() => () => {});
const utils = await makeWorkerUtils({ connectionString, schema, logger });
const client = new pg.Client(connectionString);
await client.connect();

let runner;
let worked = 0;
let settings;
/** Called when a job begins. */
let onJob = () => {};

const put = (from, to, due) =>
  inSlices(from, to, (from, to) =>
    utils.addJobs(range(from, to).map((index) => ({
      identifier: 'case',
      payload: { case: index },
      // A lower number is sooner.
      priority: priority(index),
      runAt: due(index),
    }))));

await serve('graphile-worker', {
  async fill() {
    await utils.migrate();
    await put(0, ready, () => undefined);
    await put(ready, ready + later, (index) => new Date(dueTime(index)));
    for (const text of ['VACUUM ANALYZE', 'CHECKPOINT']) await client.query(text);
  },
  async start(atOnce) {
    // A round takes more than batches of 50 do: what is ready is filled up.
    await put(0, worked, () => undefined);
    worked = 0;
    settings = atOnce === 1 ? { jobs: BATCH, size: BATCH } : { jobs: 24, size: 500 };
  },
  // Completions follow jobs a little later. So a round lasts from the first job of one
  // batch to the first of another, and begins behind the first batch: as many
  // completions are outstanding at its end as were at its beginning.
  async work(_, jobs) {
    const { size, jobs: concurrentJobs } = settings;
    const items = Math.max(2, Math.ceil(jobs / size)) * size;
    const figures = new Promise((resolve, reject) => {
      let done;
      onJob = () => {
        worked += 1;
        if (worked === size + 1) done = measured(postgresTime);
        if (worked === size + items + 1) done.then((done) => done(items)).then(resolve, reject);
      };
    });
    const worker = {
      connectionString,
      schema,
      concurrentJobs,
      maxPoolSize: concurrentJobs + 1,
      localQueue: { size },
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
    };
    runner = await run({
      preset: { worker },
      logger,
      noHandleSignals: true,
      taskList: { case: () => onJob() },
    });
    return figures;
  },
  // What waits in the local queue goes back to the table.
  stop: () => runner.stop(),
  async end() {
    await utils.release();
    await client.end();
  },
});
