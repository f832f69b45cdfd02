// The broker Aedes on one port of this machine. What it sees goes to standard
// output, one JSON object a line.
//
//   node aedes.mjs 1883
import { createServer } from 'node:net'
import { Aedes } from 'aedes'

const say = seen => process.stdout.write(JSON.stringify(seen) + '\n')

const broker = await Aedes.createBroker()
broker.on('client', client => say({ what: 'connected', client: client.id }))
broker.on('clientDisconnect', client => say({ what: 'gone', client: client.id }))
broker.on('clientError', (client, error) => say({ what: 'error', client: client.id, text: error.message }))
broker.on('publish', (packet, client) => {
  if (packet.topic.startsWith('$SYS/')) return
  say({ what: 'publish', client: client?.id ?? '', topic: packet.topic, qos: packet.qos, retain: packet.retain, payload: packet.payload.toString() })
})
createServer(broker.handle).listen(Number(process.argv[2]), '127.0.0.1')
