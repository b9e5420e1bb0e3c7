// An instance in small, with node-postgres: it places one order, tells what the exchange said of it, cancels it, and guards
// a piece of work of its own with a lock.
//
//     npm install pg
//     node place.js postgres://bot@localhost/trading
//
// The market must be known: SELECT quantmesh.set_market('binance', 'BTCUSDT', tick_size => 0.01, step_size => 0.00001).
'use strict';

const { randomUUID } = require('node:crypto');
const { setTimeout: sleep } = require('node:timers/promises');
const { Client, DatabaseError } = require('pg');

const ACCOUNT = 'binance';
const SYMBOL = 'BTCUSDT';
const GIVE_UP_MS = 30_000;

// connect returns a new connection. Its break is told by the call that meets it, and must not end the program.
async function connect(address) {
  const client = new Client({ connectionString: address, connectionTimeoutMillis: 5000 });
  client.on('error', () => {});
  await client.connect();
  return client;
}

// isBreak tells whether the connection has failed, or the server goes down or comes up: all else would fail again.
function isBreak(error) {
  return !(error instanceof DatabaseError) || /^(08|57P)/.test(error.code);
}

// A connection that is made when it is needed, and again after a break.
class Coordinator {
  constructor(address) {
    this.address = address;
    this.client = null;
  }

  // call makes a call, which commits at once, and returns its row. If the connection breaks, nobody knows whether it was
  // done: it is made again. Every call below may be.
  async call(statement, ...values) {
    const giveUp = performance.now() + GIVE_UP_MS;
    for (let pause = 50; ; pause = Math.min(2 * pause, 2000)) {
      try {
        this.client ??= await connect(this.address);
        return (await this.client.query(statement, values)).rows[0];
      } catch (error) {
        if (!isBreak(error) || performance.now() > giveUp) throw error;
      }
      await this.close();
      await sleep(pause);
    }
  }

  // close lets go of the connection: the next call makes another.
  async close() {
    await this.client?.end().catch(() => {});
    this.client = null;
  }
}

// newRequestId returns an id that nobody else has: so an order that is replayed under it was placed by our own first call.
// It begins with the time, which keeps the server's index of them local.
function newRequestId() {
  return `${Date.now().toString(16).padStart(12, '0')}-${randomUUID()}`;
}

// sendOrder stands for the exchange: it would get the client order id, and refuse a second order of that id.
async function sendOrder(clientOrderId) {
  console.log('sending', clientOrderId);
  return '4711';
}

// trade places an order, sends it if it may, and cancels it.
async function trade(coordinator) {
  // Prices and quantities are texts both ways, and so are ids: a number of JavaScript would lose digits.
  const placement = await coordinator.call(
    `SELECT * FROM quantmesh.place_order($1, $2, 'buy', $3, $4, request_id => $5, strategy => 'example')`,
    ACCOUNT, SYMBOL, '65000', '0.01', newRequestId());
  console.log(placement.outcome, placement.reason ?? '', placement.detail ?? '');
  if (placement.outcome !== 'placed') return;
  const order = [ACCOUNT, placement.order_id, placement.fence];
  // It is the server's clock that counts, so keep both in step.
  if (new Date() > placement.send_before) {
    // Too late to send it: say so, and nothing is in doubt.
    await coordinator.call(`SELECT * FROM quantmesh.resolve_submission($1, $2, $3, 'not_sent')`, ...order);
    return;
  }
  let exchangeOrderId;
  try {
    exchangeOrderId = await sendOrder(placement.client_order_id);
  } catch {
    // The reply was lost, and perhaps not the order: ask the exchange for its client order id, and report what it says.
    await coordinator.call(`SELECT * FROM quantmesh.resolve_submission($1, $2, $3, 'unknown')`, ...order);
    return;
  }
  const opened = await coordinator.call(
    `SELECT * FROM quantmesh.apply_report($1, $2, client_order_id => $3, state => 'open', exchange_order_id => $4)`,
    ACCOUNT, SYMBOL, placement.client_order_id, exchangeOrderId);
  console.log('the order is', opened.state);

  const cancellation = await coordinator.call('SELECT * FROM quantmesh.cancel_order($1, $2)', ACCOUNT, placement.order_id);
  // After a break, skipped may be our own first call: to send a cancel twice does no harm.
  if (['requested', 'skipped'].includes(cancellation.outcome)) {
    console.log('cancelling', cancellation.client_order_id);
    const ended = await coordinator.call(`SELECT * FROM quantmesh.resolve_cancel($1, $2, 'done')`, ACCOUNT, placement.order_id);
    console.log('the order is', ended.state);
  }
}

// work does something that only one instance may do at a time, in one transaction: its rows are stored and the lock is free,
// or neither happened.
async function work(address) {
  const client = await connect(address);
  try {
    await client.query('BEGIN');
    const { fence } = (await client.query(`SELECT quantmesh.try_xact_lock('report:daily') AS fence`)).rows[0];
    if (fence === null) {
      console.log('somebody else is at it');
    } else {
      console.log('locked, under a fence:', BigInt(fence) > 0n ? 'yes' : 'no');
      console.log('working');
    }
    await client.query('COMMIT');
  } finally {
    await client.end();
  }
}

async function main() {
  const coordinator = new Coordinator(process.argv[2]);
  await trade(coordinator);
  await coordinator.close();
  await work(coordinator.address);
}

main();
