// Judges messages by the AsyncAPI document, with other people's programs only:
// AsyncAPI's own parser and the JSON Schema validator Ajv.
//
//   node contract.mjs asyncapi.yaml messages.jsonl
//
// A message is {"topic","payload","qos","retain","sent"}, one a line; sent: by the
// appliance, so that qos and retain have to be those of the document. Ends with 0
// when the document has no error, every channel has a message, every message
// keeps its schema, and messages that were broken on purpose do not.
import { readFileSync } from 'node:fs'
import { Parser, fromFile } from '@asyncapi/parser'
import Ajv from 'ajv/dist/2020.js'
import formats from 'ajv-formats'

const [path, recorded] = process.argv.slice(2)
const faults = new Set()

const { document, diagnostics } = await fromFile(new Parser(), path).parse()
const ERROR = 0 // of the parser's severities
for (const d of diagnostics) {
  if (d.severity === ERROR) faults.add(`${path}:${d.range.start.line + 1}: ${d.message}`)
}
if (!document) finish()

const ajv = new Ajv({ strict: true, allErrors: true })
formats(ajv)
ajv.addVocabulary(['x-parser-schema-id', 'x-parser-unique-object-id']) // the parser's own notes

const channels = document.allChannels().all().map(channel => {
  const message = channel.messages().all()[0]
  const bindings = channel.operations().filterBySend().map(o => o.bindings().get('mqtt')?.value())
  return {
    address: channel.address(),
    pattern: new RegExp('^' + channel.address().replace(/\{\w+\}/g, '[a-zA-Z0-9_-]+') + '$'),
    json: message.contentType() === 'application/json',
    validate: ajv.compile(message.payload().json()),
    binding: bindings[0], // none: it is ours to send
    first: null,
    count: 0
  }
})

for (const line of readFileSync(recorded, 'utf8').split('\n').filter(Boolean)) judge(JSON.parse(line))
for (const channel of channels) channel.first === null ? faults.add(`${channel.address}: no message was recorded`) : refuse(channel)
finish()

// judge takes one message as it was recorded.
function judge (message) {
  const channel = channels.find(c => c.pattern.test(message.topic))
  if (!channel) return faults.add(`${message.topic} is no channel of the document`)
  if (!channel.binding && message.payload === '') return // a retained request is cleared
  const value = channel.json ? JSON.parse(message.payload) : message.payload
  if (!channel.validate(value)) return faults.add(`${channel.address}: ${ajv.errorsText(channel.validate.errors)}: ${message.payload}`)
  if (message.sent && (channel.binding?.qos !== message.qos || channel.binding?.retain !== message.retain)) {
    faults.add(`${channel.address}: sent with QoS ${message.qos}, retain ${message.retain}; the document has ${JSON.stringify(channel.binding)}`)
  }
  channel.first ??= value
  channel.count++
}

// refuse breaks a message in all simple ways; the schema has to notice each.
function refuse (channel) {
  const broken = [['another type', 42], ['nothing', null]]
  if (channel.json) {
    for (const name of Object.keys(channel.first)) {
      const { [name]: _, ...rest } = channel.first
      broken.push([`${name} left out`, rest], [`${name} of another type`, { ...channel.first, [name]: { surprise: 1 } }])
    }
    if (channel.binding) broken.push(['the next version', { ...channel.first, schema: 2 }])
    else broken.push(['an unknown field', { ...channel.first, faster: true }])
  } else {
    broken.push(['another word', 'perhaps'])
  }
  for (const [what, value] of broken) {
    if (channel.validate(value)) faults.add(`${channel.address}: ${what} passes`)
  }
  console.log(`${channel.address}: ${channel.count} messages kept the contract, ${broken.length} broken ones were refused`)
}

function finish () {
  for (const fault of [...faults].slice(0, 20)) console.error(fault)
  if (faults.size > 20) console.error(`and ${faults.size - 20} more`)
  process.exit(faults.size ? 1 : 0)
}
