// The broker Aedes on one port of this machine. What it sees goes to standard
// output, one JSON object a line.
//
//   node aedes.mjs 1883
import { createServer } from 'node:net'
import { Aedes } from 'aedes'

const say = seen => process.stdout.write(JSON.stringify(seen) + '\n')

// Publications are told when they arrive: the broker's own event for them comes
// after delivery, which for some takes longer than for others.
const authorizePublish = (client, packet, done) => {
  say({ what: 'publish', client: client?.id ?? '', topic: packet.topic, qos: packet.qos, retain: packet.retain, payload: packet.payload.toString() })
  done(null)
}
const broker = await Aedes.createBroker({ authorizePublish })
broker.on('client', client => say({ what: 'connected', client: client.id }))
broker.on('clientDisconnect', client => say({ what: 'gone', client: client.id }))
broker.on('clientError', (client, error) => say({ what: 'error', client: client.id, text: error.message }))
createServer(broker.handle).listen(Number(process.argv[2]), '127.0.0.1')
