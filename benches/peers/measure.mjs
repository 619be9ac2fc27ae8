// What the programs compared have in common: what they are told, when a round begins,
// what is measured of it, and the one line in which they say so.

import { readFileSync, readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** Jobs of a batch. */
export const BATCH = 50;

const [rows, rounds] = process.argv.slice(2, 4).map(Number);
const variant = process.argv[4];
/** What is done with a job that is completed: it is put in once more for later. */
export const again = variant === 'again';
/** An order among jobs is asked for only where the third argument says so. */
const ranked = variant === 'ranked' || again;
/** Of ten jobs one is ready, as in the queue they are compared with. */
export const ready = Math.floor(rows / 10);
export const later = rows - ready;
/** The priority of a job: one of fifty, the same in every run. */
export const priority = (index) => (ranked ? Math.imul(index, 2654435761) >>> 8 : 0) % 50;
/** When a job that is not ready will be: hours from now, some seconds apart. */
export const dueTime = (index) => Date.now() + 12 * 3_600_000 + (index % 86_400) * 1_000;

/** Batches at one time. */
const AT_ONCE = [1, 4];
/** Of ten ready cases of ours eight are of debtors of their own; three quarters of them
    are worked in all, and as many jobs here. */
const batches = Math.max(2, Math.floor((rows * 0.08 * 0.75) / BATCH / rounds / AT_ONCE.length));

/**
 * Fills a queue, says `ready`, and does a round for every line that is read.
 *
 * `start` and `stop` are not measured. `work(atOnce, jobs)` works off a number of jobs
 * and answers what `measured` does; `usage` is what the database has used of processors
 * so far, in seconds.
 */
export async function serve(name, { fill, start, work, stop, end }) {
  await fill();
  console.log('ready');
  for await (const _ of createInterface({ input: process.stdin })) {
    for (const atOnce of AT_ONCE) {
      await start(atOnce);
      const { items, seconds, own, database } = await work(atOnce, batches * BATCH);
      await stop();
      const figures = { at_once: atOnce, items, seconds, own, database };
      const text = Object.entries(figures).map(([key, value]) => `${key}=${+value.toFixed(6)}`);
      console.log(`${variant ? `${name}-${variant}` : name} ${text.join(' ')}`);
    }
  }
  await end();
}

/** Starts to measure; the function answered ends it. */
export async function measured(usage) {
  const database = await usage();
  const own = process.cpuUsage();
  const began = process.hrtime.bigint();
  return async (items) => {
    const seconds = Number(process.hrtime.bigint() - began) / 1e9;
    const used = process.cpuUsage(own);
    return {
      items,
      seconds,
      own: (used.user + used.system) / 1e6,
      database: (await usage()) - database,
    };
  };
}

/** Works off batches, several at one time: `batch` answers how many jobs it had. */
export async function inBatches(atOnce, jobs, usage, batch) {
  await batch(BATCH);
  let left = jobs / BATCH;
  let items = 0;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      const had = await batch(BATCH);
      items += had;
    }
  };
  const done = await measured(usage);
  await Promise.all(Array.from({ length: atOnce }, worker));
  const figures = await done(items);
  if (items !== jobs) throw new Error(`${items} jobs were found where ${jobs} are ready`);
  return figures;
}

/**
 * What PostgreSQL has used of processors so far, in seconds, with those of its processes
 * that have ended, such as vacuums.
 */
export function postgresTime() {
  const data = process.env.ARREARS_TEST_POSTGRES_DATA;
  const main = readFileSync(`${data}/postmaster.pid`, 'utf8').split('\n')[0];
  let seconds = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
      if (pid !== main && fields[1] !== main) continue;
      seconds += Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e9;
      // Linux counts what has ended in hundredths of a second.
      if (pid === main) seconds += (Number(fields[13]) + Number(fields[14])) / 100;
    } catch {
      // It has ended since; the next look finds it among those that have.
    }
  }
  return seconds;
}

/** Calls `put(from, to)` for slices of a range. */
export async function inSlices(from, to, put) {
  for (let at = from; at < to; at += 5_000) await put(at, Math.min(at + 5_000, to));
}

/** Numbers from `from` to below `to`. */
export const range = (from, to) => Array.from({ length: to - from }, (_, index) => from + index);
