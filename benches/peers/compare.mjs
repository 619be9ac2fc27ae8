// Runs the programs in turn, a round of each, and prints medians and ratios.
//
// node compare.mjs ROWS ROUNDS, beside a PostgreSQL and a Redis of its own: `make peers`.

import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const [rows, rounds] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const beside = (file, ...more) => [process.execPath, join(here, file), rows, rounds, ...more];

const PROGRAMS = [
  ['ours', 'cargo', 'bench', '--locked', '--bench', 'postgres', '--', 'cycle', rows, rounds,
    'paced'],
  ['pg-boss', ...beside('pg-boss.mjs')],
  ['pg-boss-ranked', ...beside('pg-boss.mjs', 'ranked')],
  ['pg-boss-again', ...beside('pg-boss.mjs', 'again')],
  ['graphile-worker', ...beside('graphile-worker.mjs')],
  ['graphile-worker-ranked', ...beside('graphile-worker.mjs', 'ranked')],
  ['redis', ...beside('redis.mjs')],
];
/** What a program tells before a round is over. */
const LINES = 2;

/** A program that does a round when it is told to. */
class Program {
  constructor([name, command, ...args]) {
    this.name = name;
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.ended = new Promise((resolve) => this.child.on('exit', resolve));
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async line() {
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`${this.name} ended`);
    return value;
  }

  async filled() {
    const began = Date.now();
    // The harness says something of its own.
    while ((await this.line()) !== 'ready');
    console.log(`${this.name} filled in ${((Date.now() - began) / 1000).toFixed(0)} s`);
  }

  async round() {
    this.child.stdin.write('\n');
    const lines = [];
    while (lines.length < LINES) {
      const line = await this.line();
      if (line.startsWith(`${this.name} `)) lines.push(line);
    }
    return lines;
  }

  end() {
    this.child.stdin.end();
    return this.ended;
  }
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

function print(measured) {
  console.log(`\n${rows} rows, ${rounds} rounds; medians. Leased and reported, or fetched and`);
  console.log('completed, a second; processor time of 1,000 of them, in seconds.');
  for (const atOnce of ['1', '4']) {
    const head = ['program', 'items', 'a second', 'from', 'to', 'own', 'database', 'ours / it'];
    const table = [head];
    let ours;
    for (const { name } of programs) {
      const of = measured.get(name).filter((round) => round.at_once === atOnce);
      const rates = of.map((round) => round.items / round.seconds);
      const rate = median(rates);
      ours ??= rate;
      const a1000 = (key) => median(of.map((round) => (round[key] / round.items) * 1e3)).toFixed(3);
      table.push([name, of[0].items, rate.toFixed(0), Math.min(...rates).toFixed(0),
        Math.max(...rates).toFixed(0), a1000('own'), a1000('database'), (ours / rate).toFixed(2)]);
    }
    console.log(`\n${atOnce} at once`);
    for (const [name, ...cells] of table) {
      console.log(name.padEnd(24) + cells.map((cell) => String(cell).padStart(10)).join(''));
    }
  }
}

const programs = [];
for (const program of PROGRAMS) {
  programs.push(new Program(program));
  await programs.at(-1).filled();
}
const measured = new Map(programs.map(({ name }) => [name, []]));
for (let round = 0; round < rounds; round += 1) {
  for (const program of programs) {
    for (const line of await program.round()) {
      console.log(line);
      const figures = line.split(' ').slice(1).map((pair) => pair.split('='));
      measured.get(program.name).push(Object.fromEntries(figures));
    }
  }
}
for (const program of programs) {
  const code = await program.end();
  if (code !== 0) throw new Error(`${program.name} ended with ${code}`);
}
print(measured);
