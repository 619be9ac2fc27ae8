// pg-boss: batches are fetched and completed by its own calls, as its workers do, without
// the pause in which they poll. Jobs stay in the table as completed. `again` puts a batch
// in once more for later, as for cases that nobody answered.

import { PgBoss } from 'pg-boss';
import pg from 'pg';
import { again, dueTime, inBatches, inSlices, later, postgresTime, priority, range, ready, serve }
  from './measure.mjs';

const connectionString = process.env.ARREARS_TEST_POSTGRES;
const schema = ['pgboss', ...process.argv.slice(4)].join('_');
const QUEUE = 'cases';
const job = (index) => ({ data: { case: index }, priority: priority(index) });
const waiting = (index) => ({ ...job(index), startAfter: new Date(dueTime(index)) });
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
    await inSlices(0, ready, (from, to) => boss.insert(QUEUE, range(from, to).map(job)));
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
      // Whole jobs, as its workers pass them: so it is fenced to the attempt.
      await boss.complete(QUEUE, fetched);
      if (again) await boss.insert(QUEUE, fetched.map(({ data }) => waiting(data.case)));
      return fetched.length;
    });
  },
  stop: () => boss.stop(),
  end() {},
});
