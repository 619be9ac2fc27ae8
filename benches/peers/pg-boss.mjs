// pg-boss: batches are fetched and completed by its own calls, as its workers do, without
// the pause in which they poll. Jobs stay in the table as completed.

import { PgBoss } from 'pg-boss';
import pg from 'pg';
import { inBatches, inSlices, later, postgresTime, priority, range, dueTime, ranked, ready, serve }
  from './measure.mjs';

const connectionString = process.env.ARREARS_TEST_POSTGRES;
const schema = ranked ? 'pgboss_ranked' : 'pgboss';
const QUEUE = 'cases';
let boss;

async function open() {
  boss = new PgBoss({ connectionString, schema });
  boss.on('error', (error) => console.error(error));
  await boss.start();
}

await serve('pg-boss', {
  async fill() {
    await open();
    // A table of its own, as it advises for large queues.
    await boss.createQueue(QUEUE, { partition: true });
    // Those ready first: by age they stand in front then.
    const job = (index) => ({ data: { case: index }, priority: priority(index) });
    await inSlices(0, ready, (from, to) => boss.insert(QUEUE, range(from, to).map(job)));
    const waiting = (index) => ({ ...job(index), startAfter: new Date(dueTime(index)) });
    await inSlices(ready, ready + later, (from, to) =>
      boss.insert(QUEUE, range(from, to).map(waiting)));
    await boss.stop();
    const client = new pg.Client(connectionString);
    await client.connect();
    for (const text of ['VACUUM ANALYZE', 'CHECKPOINT']) await client.query(text);
    await client.end();
  },
  start: open,
  work(atOnce, jobs) {
    return inBatches(atOnce, jobs, postgresTime, async (batchSize) => {
      const fetched = await boss.fetch(QUEUE, { batchSize });
      await boss.complete(QUEUE, fetched.map((job) => job.id));
      return fetched.length;
    });
  },
  stop: () => boss.stop(),
  end() {},
});
