// readme.js FILE runs the statements of FILE, one a line, through node-postgres, and prints the rows of each as a line of
// JSON: an array of texts, each a row with its fields joined by bars, as psql has it. Then it does what else a trading
// program does with a driver, and throws when something is not as it expects. PGHOST, PGPORT, PGUSER and PGDATABASE say
// where.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { Client, Pool } = require('pg');

const ACCOUNT = 'binance/js';
const PLACE = `SELECT * FROM quantmesh.place_order($1, $2, $3, $4, $5, request_id => $6)`;

// text returns a value as psql shows it, but for the layout of times.
function text(value) {
  if (value === null) return '';
  if (value === true) return 't';
  if (value === false) return 'f';
  return value instanceof Date ? value.toISOString() : String(value);
}

// runExample runs the README's lines and checks the types of what comes back.
async function runExample(client, lines) {
  for (const line of lines) {
    const { rows } = await client.query(line);
    console.log(JSON.stringify(rows.map((row) => Object.values(row).map(text).join('|'))));
    if (line.includes('quantmesh.place_order(')) checkPlacementTypes(rows[0]);
  }
}

// checkPlacementTypes: what does not fit into a double comes as a text, so that no digit is lost.
function checkPlacementTypes(placement) {
  assert.equal(typeof placement.order_id, 'string');
  assert.equal(typeof placement.replayed, 'boolean');
  assert.equal(typeof placement.client_order_id, 'string');
  if (placement.outcome === 'placed') {
    assert.equal(typeof placement.fence, 'string');
    assert.ok(placement.send_before instanceof Date);
  }
}

// place places a buy with its numbers as texts.
async function place(client, symbol, price, quantity, request) {
  const { rows } = await client.query(PLACE, [ACCOUNT, symbol, 'buy', price, quantity, request]);
  assert.equal(rows.length, 1);
  return rows[0];
}

// checkNumbers: what was given as a text comes back as the same text, digit for digit.
async function checkNumbers(client) {
  await client.query('SELECT quantmesh.set_market($1, $2, tick_size => $3, step_size => $4, base_asset => $5, quote_asset => $6)', [
    ACCOUNT, 'SMALL', '0.000000000000000001', '0.000000000000000001', 'SML', 'USD']);
  const price = '12345678.000000000000000001';
  const quantity = '90000.000000000000000009';
  const placement = await place(client, 'SMALL', price, quantity, 'exact');
  assert.equal(placement.outcome, 'placed', placement.detail);
  assert.equal(placement.committed, true);
  const { rows } = await client.query('SELECT * FROM quantmesh.open_orders WHERE order_id = $1', [placement.order_id]);
  assert.equal(rows[0].price, price);
  assert.equal(rows[0].quantity, quantity);

  // A number of JavaScript goes over the wire as its text, too.
  const plain = await place(client, 'SMALL', 0.1, 0.2, 'plain');
  assert.equal(plain.outcome, 'placed', plain.detail);

  await assert.rejects(place(client, 'SMALL', '1', '-1', 'negative'), { code: '22023' });
  await assert.rejects(place(client, 'SMALL', 'NaN', '1', 'nan'), { code: '22023' });
  await assert.rejects(place(client, null, '1', '1', 'null'), { code: '22004' });
}

// checkOwnTransaction: an order commits and rolls back with the caller's own rows.
async function checkOwnTransaction(client) {
  await client.query('CREATE TABLE journal (request text PRIMARY KEY, order_id bigint)');
  for (const [end, expected] of [['ROLLBACK', 0], ['COMMIT', 1]]) {
    await client.query('BEGIN');
    await client.query('INSERT INTO journal VALUES ($1)', ['own']);
    const placement = await place(client, 'SMALL', '2', '1', 'own');
    assert.equal(placement.outcome, 'placed', placement.detail);
    assert.equal(placement.committed, false);
    await client.query('UPDATE journal SET order_id = $2 WHERE request = $1', ['own', placement.order_id]);
    await client.query(end);
    const { rows } = await client.query(
      'SELECT count(*)::int AS n FROM journal JOIN quantmesh.open_orders USING (order_id) WHERE request = $1', ['own']);
    assert.equal(rows[0].n, expected, `after ${end}`);
  }
}

// checkRepeated: many connections with the same request get one order between them.
async function checkRepeated(clients) {
  const pool = new Pool({ max: clients });
  try {
    const placements = await Promise.all(Array.from({ length: clients }, async () => {
      for (;;) {
        const placement = await place(pool, 'SMALL', '3', '1', 'repeated');
        if (placement.outcome !== 'skipped') return placement;
      }
    }));
    assert.deepEqual(new Set(placements.map((p) => p.outcome)), new Set(['placed']));
    assert.equal(new Set(placements.map((p) => p.client_order_id)).size, 1);
    assert.equal(placements.filter((p) => !p.replayed).length, 1);
  } finally {
    await pool.end();
  }
}

// checkLife takes an order through fills to its end, all by parameters.
async function checkLife(client) {
  const placement = await place(client, 'SMALL', '4', '3', 'life');
  const report = async (values) => (await client.query(
    `SELECT * FROM quantmesh.apply_report($1, $2, $3, trade_id => $4, last_quantity => $5, last_price => $6, commission => $7,
       commission_asset => $8, is_maker => $9, event_time => $10, detail => $11)`,
    [ACCOUNT, 'SMALL', placement.client_order_id, ...values])).rows[0];
  const detail = JSON.stringify({ id: '12345678901234567890' });

  const first = await report(['1', '1', '3.9', '0.01', 'USD', true, new Date(), detail]);
  assert.deepEqual(first, { order_id: placement.order_id, state: 'partially_filled', applied: true, discrepancy: null });
  const last = await report(['2', '2', '4', '0.02', 'USD', false, new Date(), detail]);
  assert.equal(last.state, 'filled');
  const { rows } = await client.query('SELECT * FROM quantmesh.positions WHERE account = $1 AND symbol = $2', [ACCOUNT, 'SMALL']);
  assert.equal(rows.length, 1);
  assert.equal(typeof rows[0].quantity, 'string');
  assert.equal(Number(rows[0].quantity), 3);
}

async function main() {
  const lines = fs.readFileSync(process.argv[2], 'utf8').split('\n').filter((line) => line.trim() !== '');
  const client = new Client();
  await client.connect();
  try {
    await runExample(client, lines);
    await checkNumbers(client);
    await checkOwnTransaction(client);
    await checkRepeated(8);
    await checkLife(client);
  } finally {
    await client.end();
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
