// Redis: a sorted set by the instant from which a member is wanted; the first 50 are taken
// out and put back for later. Nobody holds what was taken: a client that dies loses it.

import { createClient } from 'redis';
import { dueTime, inBatches, inSlices, later, range, ready, serve } from './measure.mjs';

const KEY = 'cases';
const client = await createClient({ url: process.env.ARREARS_PEERS_REDIS }).connect();

/** What the server and its children have used of processors, in seconds. */
async function redisTime() {
  const text = await client.info('cpu');
  const used = text.matchAll(/^used_cpu_(?:sys|user)(?:_children)?:([\d.]+)/gm);
  return [...used].reduce((sum, [, seconds]) => sum + Number(seconds), 0);
}

await serve('redis', {
  async fill() {
    const now = Date.now();
    await inSlices(0, ready + later, (from, to) =>
      client.zAdd(KEY, range(from, to).map((index) => ({
        score: index < ready ? now : dueTime(index),
        value: `case-${index}`,
      }))));
  },
  start() {},
  work(atOnce, jobs) {
    return inBatches(atOnce, jobs, redisTime, async (batch) => {
      const members = await client.zPopMinCount(KEY, batch);
      const again = Date.now() + 4 * 3_600_000;
      await client.zAdd(KEY, members.map(({ value }) => ({ score: again, value })));
      return members.length;
    });
  },
  stop() {},
  end: () => client.close(),
});
