// Stock Yjs clients behind a pipe: each line of standard input is a request, each of standard output its answer, both JSON.
//
//   {"op": "open", "client": "ann", "kind": "y-websocket", "url": …, "room": …, "token": …, "id"?: …}
//   {"op": "insert", "client": …, "at": 0, "text": …}       into the root text "body"
//   {"op": "delete", "client": …, "at": 0, "length": 1}
//   {"op": "set", "client": …, "key": …, "value": …}        in the root map "map"
//   {"op": "away", "client": …} and {"op": "back", "client": …}
//   {"op": "shows", "client": …, "state": …}                presence: its own state
//   {"op": "look", "client": …}                             all that can be seen of it
//   {"op": "raw", "client": …, "bytes": base64}             bytes as they are, on its socket
//   {"op": "leave", "client": …}

import { createInterface } from 'node:readline'
import { HocuspocusProvider } from '@hocuspocus/provider'
import * as Y from 'yjs'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import { WebsocketProvider as WebsocketProvider1 } from 'y-websocket-1'

const clients = new Map()

// What providers say beside the protocol goes to standard error: standard output is for answers.
console.log = console.info = console.error
console.warn = (...words) => console.error(...words)

class Client {
  constructor ({ kind, url, room, token, id }) {
    this.doc = new Y.Doc()
    if (id !== undefined) this.doc.clientID = id
    this.closes = []
    this.synced = false
    this.provider = kind === 'hocuspocus' ? this.#hocuspocus(url, room, token) : this.#yWebsocket(kind, url, room, token)
  }

  #yWebsocket (kind, url, room, token) {
    const Provider = kind === 'y-websocket-1' ? WebsocketProvider1 : WebsocketProvider
    const options = { WebSocketPolyfill: WebSocket, params: { token }, disableBc: true, maxBackoffTime: 200 }
    const provider = new Provider(url, room, this.doc, options)
    provider.on('sync', synced => { this.synced = synced })
    provider.on('connection-close', event => {
      if (event) this.closes.push({ code: event.code, reason: event.reason })
    })
    return provider
  }

  #hocuspocus (url, name, token) {
    return new HocuspocusProvider({
      url,
      name,
      token,
      document: this.doc,
      WebSocketPolyfill: WebSocket,
      delay: 50,
      minDelay: 50,
      maxDelay: 200,
      onSynced: ({ state }) => { this.synced = state },
      onClose: ({ event }) => this.closes.push({ code: event.code, reason: event.reason }),
      onAuthenticationFailed: ({ reason }) => { this.refused = reason },
      onAuthenticated: ({ scope }) => { this.scope = scope }
    })
  }

  look () {
    const { provider } = this
    return {
      text: this.doc.getText('body').toString(),
      map: this.doc.getMap('map').toJSON(),
      id: this.doc.clientID,
      synced: this.synced,
      connected: provider.wsconnected ?? provider.configuration.websocketProvider.status === 'connected',
      unsynced: provider.unsyncedChanges ?? null,
      scope: this.scope ?? null,
      refused: this.refused ?? null,
      closes: this.closes,
      presence: [...provider.awareness.getStates()].filter(([id]) => id !== this.doc.clientID).map(([, state]) => state)
    }
  }
}

const operations = {
  open: request => { clients.set(request.client, new Client(request)) },
  insert: ({ at, text }, { doc }) => doc.getText('body').insert(at, text),
  delete: ({ at, length }, { doc }) => doc.getText('body').delete(at, length),
  set: ({ key, value }, { doc }) => doc.getMap('map').set(key, value),
  away: (_, { provider }) => provider.disconnect(),
  back: (_, { provider }) => { provider.connect() },
  shows: ({ state }, { provider }) => provider.awareness.setLocalState(state),
  look: (_, client) => client.look(),
  raw: ({ bytes }, { provider }) => {
    const socket = provider.ws ?? provider.configuration.websocketProvider.webSocket
    socket.send(Buffer.from(bytes, 'base64'))
  },
  leave: ({ client: name }, { provider, doc }) => {
    provider.destroy()
    doc.destroy()
    clients.delete(name)
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  let answer
  try {
    answer = operations[request.op](request, clients.get(request.client)) ?? {}
  } catch (error) {
    answer = { error: String(error?.stack ?? error) }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
process.exit(0)
