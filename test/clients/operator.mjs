// A small operator's program: watches a treatment, pauses, resumes and stops it.
//
//   node operator.mjs mqtt://127.0.0.1:1883 winch
//
// It ends with 0 when every answer was what it had to be.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import mqtt from 'mqtt'

const [url, table] = process.argv.slice(2)
const root = `traction/${table}/`
const me = 'operator' // the last level of our topics; where the broker has users, our user name
const patience = 30_000 // milliseconds for an answer or a change; never used up when all is well

const latest = {} // the newest message of each topic
const listeners = new Set()

const client = await mqtt.connectAsync(url, { protocolVersion: 4, clientId: `operator-${randomUUID().slice(0, 8)}` })
client.on('message', (topic, bytes) => {
  const name = topic.slice(root.length)
  const payload = name === 'availability' ? bytes.toString() : JSON.parse(bytes)
  latest[name] = payload
  for (const listener of listeners) listener(name, payload)
})

// when resolves with the next message on a topic that is as wanted.
function when (wanted, ok, what) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => { listeners.delete(listener); reject(new Error(`waited in vain for ${what}`)) }, patience)
    function listener (name, payload) {
      if (name !== wanted || !ok(payload)) return
      clearTimeout(timer)
      listeners.delete(listener)
      resolve(payload)
    }
    listeners.add(listener)
  })
}

// state resolves with a state that is as wanted, now or later.
function state (ok, what) {
  return latest.state && ok(latest.state) ? Promise.resolve(latest.state) : when('state', ok, what)
}

// request resolves with the answer to one request, found by its id. Too many at once
// is the one refusal that asks for the same again, with the same id.
async function request (fields) {
  const id = randomUUID()
  for (let tries = 1; ; tries++) {
    const answer = when(`response/${me}`, r => r.id === id, `the answer to ${fields.command}`)
    await client.publishAsync(`${root}request/${me}`, JSON.stringify({ id, ...fields }), { qos: 1, retain: false })
    const response = await answer
    console.log(`${fields.command}: ${response.status} ${response.code}: ${response.message}`)
    if (response.code !== 'queue_full' || tries === 5) return response
    await sleep(1000)
  }
}

// expect is a request whose answer has to have this code.
async function expect (code, fields) {
  const r = await request(fields)
  assert.equal(r.code, code, r.message)
  assert.equal(r.status, code === 'ok' ? 'ok' : 'refused')
  assert.equal(r.schema, 1)
  return r
}

const online = when('availability', a => a === 'online', 'the table to be online')
await client.subscribeAsync(root + '#', { qos: 1 })
await online
const treating = await state(s => s.mode === 'treating', 'a treatment')

// What is measured comes five times a second and belongs to this state.
const measured = await when('telemetry', t => t.mode === 'treating', 'telemetry')
assert.ok(measured.force_n > 0 && measured.force_n < treating.limits.force_n.value, `force ${measured.force_n} N`)

// Wrong requests are refused, each with its reason, and change nothing.
await expect('malformed', { rev: treating.rev, command: 'jump' })
await expect('malformed', { rev: treating.rev, command: 'pause', hurry: true })
await expect('malformed', { command: 'set', hold_n: 70 })
await expect('stale_rev', { rev: treating.rev - 1, command: 'set', hold_n: 70 })
await expect('above_limit', { rev: treating.rev, command: 'set', hold_n: 145 }) // the person's cap is 150 N, 10 N are kept free
await expect('out_of_range', { rev: treating.rev, command: 'set', hold_n: 5000 })
await expect('only_at_table', { rev: treating.rev, command: 'arm' })
await expect('not_found', { command: 'report', session: 'c0ffee-1' })
assert.equal(latest.state.mode, 'treating')

// A pause needs no rev; what follows it needs the new one.
const happened = when('event', e => e.details?.command === 'pause' && e.details.origin === 'remote', 'the event of the pause')
const paused = await expect('ok', { command: 'pause' })
await happened
const now = await state(s => s.rev === paused.rev && s.mode === 'paused', 'the state to be paused')
await expect('stale_rev', { rev: treating.rev, command: 'resume' })
const resumed = await expect('ok', { rev: now.rev, command: 'resume' })
await expect('stale_rev', { rev: now.rev, command: 'resume' }) // the same once more: it acted once
await state(s => s.rev === resumed.rev && s.mode === 'treating', 'the treatment to go on')

// A stop needs nothing, and the treatment ends with its report.
const ended = when('session', s => s.treatment === treating.treatment && s.boot_id === treating.boot_id, 'the report')
await expect('ok', { command: 'stop' })
const session = await ended
assert.equal(session.end, 'stopped')
assert.ok(session.peak_n > 0 && session.peak_n < session.force_limit_n.value)
await state(s => s.mode === 'idle', 'the table to be idle')

// The same report can be asked for at any time.
const report = when('report', r => r.session === session.session, 'the report that was asked for')
await expect('ok', { command: 'report', session: session.session })
assert.equal((await report).peak_n, session.peak_n)
await client.endAsync()
