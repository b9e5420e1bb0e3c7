// The official Binance client, told other URLs and nothing else, at a paper exchange: REST, WebSocket API and streams.
// usage: node paper_client.js READY-FILE KEY SECRET. Each line that it prints is a check that held; it ends with 1 at the
// first that does not. The exchange's prices must move by themselves.
'use strict';
const assert = require('assert');
const { Spot, BadRequestError } = require('@binance/spot');

const urls = JSON.parse(require('fs').readFileSync(process.argv[2]));
const [apiKey, apiSecret] = process.argv.slice(3);
const WAIT_MS = 20000;

function open(secret) {
    return new Spot({
        configurationRestAPI: { apiKey, apiSecret: secret, basePath: urls.rest_url, timeout: WAIT_MS },
        configurationWebsocketAPI: { apiKey, apiSecret: secret, wsURL: urls.ws_api_url, timeout: WAIT_MS },
        configurationWebsocketStreams: { wsURL: urls.stream_url },
    });
}

async function data(promise) {
    return (await promise).data();
}

function held(what) {
    console.log(`ok - ${what}`);
}

// until waits for a message of a stream that fits.
function until(source, fits, what) {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${what} has not come`)), WAIT_MS);
        source.on('message', (message) => {
            const event = typeof message === 'string' ? JSON.parse(message) : message;
            if (fits(event)) {
                clearTimeout(timer);
                resolve(event);
            }
        });
    });
}

async function rest(client) {
    const api = client.restAPI;
    const symbol = 'BTCUSDT';

    assert(Math.abs(Number((await data(api.time())).serverTime) - Date.now()) < 5000);
    const info = await data(api.exchangeInfo({ symbol }));
    assert.strictEqual(info.symbols[0].symbol, symbol);
    const filters = info.symbols[0].filters.map((filter) => filter.filterType);
    assert(filters.includes('PRICE_FILTER') && filters.includes('LOT_SIZE'));
    const price = Math.round(Number((await data(api.tickerPrice({ symbol }))).price) / 2);
    const order = { symbol, side: 'BUY', type: 'LIMIT', timeInForce: 'GTC', quantity: 0.01, price };

    const response = await api.newOrder({ ...order, newClientOrderId: 'official-1' });
    assert(response.rateLimits.some((limit) => limit.rateLimitType === 'ORDERS'));
    const placed = await response.data();
    assert.strictEqual(placed.status, 'NEW');
    assert.strictEqual(placed.clientOrderId, 'official-1');
    held('REST: an order is placed');
    const asked = await data(api.getOrder({ symbol, origClientOrderId: 'official-1' }));
    assert.strictEqual(asked.orderId, placed.orderId);
    assert.strictEqual(Number(asked.price), price);
    held('REST: it is asked for');
    assert.deepStrictEqual((await data(api.getOpenOrders({ symbol }))).map((each) => each.clientOrderId), ['official-1']);
    held('REST: it is among the open orders');
    await assert.rejects(api.newOrder({ ...order, newClientOrderId: 'official-1' }), (error) =>
        error instanceof BadRequestError && /Duplicate order sent/.test(error.message));
    held('REST: it cannot be placed twice');
    assert.strictEqual((await data(api.deleteOrder({ symbol, orderId: placed.orderId }))).status, 'CANCELED');
    held('REST: it is canceled');
    const filled = await data(api.newOrder({ symbol, side: 'BUY', type: 'MARKET', quantity: 0.02 }));
    assert.strictEqual(filled.status, 'FILLED');
    assert(filled.fills.length > 0);
    const trades = await data(api.myTrades({ symbol }));
    assert(trades.some((trade) => String(trade.orderId) === String(filled.orderId) && trade.isBuyer));
    held('REST: an order at market is filled, and its trades are listed');
    const account = await data(api.getAccount({ omitZeroBalances: true }));
    assert(Number(account.balances.find((balance) => balance.asset === 'BTC').free) > 0);
    held('REST: the account has what was bought');
    await assert.rejects(open('wrong').restAPI.getAccount(), BadRequestError);
    held('REST: a wrong secret is refused');
    return price;
}

async function webSocketApi(client, price) {
    const connection = await client.websocketAPI.connect();
    const subscription = await connection.userDataStreamSubscribeSignature();

    assert.strictEqual(subscription.response.data.subscriptionId, 0);
    held('WebSocket API: the account is subscribed to');
    const isOurs = (event) => event.e === 'executionReport' && event.c === 'official-2' && event.x === 'NEW';
    const report = until(subscription.stream, isOurs, 'the report of the order');
    const position = until(subscription.stream, (event) => event.e === 'outboundAccountPosition', 'the balances');
    const placed = await connection.orderPlace({
        symbol: 'BTCUSDT', side: 'BUY', type: 'LIMIT', timeInForce: 'GTC', quantity: 0.01, price, newClientOrderId: 'official-2',
    });
    assert.strictEqual(placed.data.status, 'NEW');
    held('WebSocket API: an order is placed');
    assert.strictEqual((await report).X, 'NEW');
    assert((await position).B.some((balance) => balance.a === 'USDT' && Number(balance.l) > 0));
    held('WebSocket API: its events are told');
    const status = await connection.orderStatus({ symbol: 'BTCUSDT', origClientOrderId: 'official-2' });
    assert.strictEqual(String(status.data.orderId), String(placed.data.orderId));
    assert.strictEqual((await connection.openOrdersStatus({ symbol: 'BTCUSDT' })).data.length, 1);
    const gone = until(subscription.stream, (event) => event.x === 'CANCELED' && event.C === 'official-2', 'the report of the cancel');
    assert.strictEqual((await connection.orderCancel({ symbol: 'BTCUSDT', origClientOrderId: 'official-2' })).data.status, 'CANCELED');
    await gone;
    held('WebSocket API: it is asked for, listed and canceled');
    await assert.rejects(connection.orderCancel({ symbol: 'BTCUSDT', origClientOrderId: 'official-2' }));
    held('WebSocket API: what is gone cannot be canceled');
    await connection.disconnect();
}

async function streams(client) {
    const connection = await client.websocketStreams.connect();
    const trade = await until(connection.trade({ symbol: 'BTCUSDT' }), (event) => event.e === 'trade', 'a trade');

    assert.strictEqual(trade.s, 'BTCUSDT');
    held('streams: a trade is heard');
    const kline = await until(connection.kline({ symbol: 'BTCUSDT', interval: '1m' }), (event) => event.e === 'kline' && event.k.x, 'a candle');
    assert.strictEqual(kline.k.i, '1m');
    held('streams: a candle that is closed is heard');
    await connection.disconnect();
}

async function main() {
    const client = open(apiSecret);
    const price = await rest(client);

    await webSocketApi(client, price);
    await streams(client);
    console.log('done');
}

main().then(() => process.exit(0), (error) => {
    console.error(error);
    process.exit(1);
});
