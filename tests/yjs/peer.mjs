// Stock Yjs behind a pipe.
//
// Reads one JSON value a line from stdin and answers each with one line on stdout, in order, until stdin ends.
// A line is a request, answered by a response, or an array of requests, answered by an array of as many
// responses: what can be sent together should be. A request that fails is answered by {"error":TEXT}, and so is
// a line that is no JSON; the requests behind it run all the same.
//
//   request                                       response
//
//   {"op":"new", "doc":ID, "client":N?}           {"client":N}       an empty document, in place of any ID before
//   {"op":"edit", "doc":ID, "edits":[EDIT,…]}     {"update":BASE64}  the edits as one transaction, and its update
//   {"op":"apply", "doc":ID, "update":BASE64}     {"pending":BOOL}   whether anything waits for what should precede
//   {"op":"diff", "doc":ID, "since":BASE64|null}  {"update":BASE64}  all that the state vector `since` lacks
//   {"op":"vector", "doc":ID}                     {"vector":BASE64}  the state vector
//   {"op":"json", "doc":ID}                       {"json":CONTENT}   the content, in a canonical form
//   {"op":"drop", "doc":ID}                       {}                 the document is forgotten
//
// ID is any string. N is an integer below 2^53; without one, Yjs draws its own below 2^32. Updates and state
// vectors are in format v1; an edit that changes nothing gives the empty update, "AAA=". As in Yjs itself, edits
// that fail midway keep what was done until then: "diff" has it.
//
// A document has four roots: the text "text", the map "map", the array "array", the XML fragment "xml".
//
//   EDIT = {"do":…, "path":PATH?, …} with
//     "text-insert"  "at":I, "text":S, "attributes":{…}?     without attributes it takes those it lands among
//     "text-embed"   "at":I, "value":JSON, "attributes":{…}?
//     "text-delete"  "at":I, "length":L
//     "text-format"  "at":I, "length":L, "attributes":{…}    null takes an attribute away
//     "map-set"      "key":S, "value":VALUE
//     "map-delete"   "key":S
//     "array-insert" "at":I, "values":[VALUE,…]
//     "array-delete" "at":I, "length":L
//     "xml-element"  "at":I, "name":S                        inserts an empty element
//     "xml-text"     "at":I, "text":S                        inserts a text node
//     "xml-delete"   "at":I, "length":L                      deletes child nodes
//     "xml-set"      "key":S, "value":S                      an attribute; PATH leads to an element
//     "xml-unset"    "key":S
//
//   PATH leads to the type that is edited: the name of a root, then keys of maps and indices of arrays and of XML
//   children, as in ["array",0,"title"]. Without it, the root named like the edit's first word. Text edits reach
//   XML text nodes in the same way, as in ["xml",0,1].
//   I and L count UTF-16 code units in text, elements elsewhere. A range outside of the type is an error here,
//   also where Yjs would cut it short in silence. Keep surrogate pairs whole: half of one is no valid JSON
//   elsewhere.
//   VALUE is any JSON value, kept as it is, or a new shared type: {"$map":{KEY:VALUE,…}}, {"$array":[VALUE,…]} or
//   {"$text":S}. Inside a plain JSON value those names mean nothing.
//
//   CONTENT = {"text":DELTA, "map":{…}, "array":[…], "xml":[NODE,…]}, to be compared as parsed JSON
//     DELTA = [{"insert":S|JSON, "attributes":{…}?},…], neighbours with equal attributes joined
//     NODE  = {"name":S, "attributes":{KEY:S,…}, "children":[NODE,…]} for an element, {"text":DELTA} for a text
//   A nested text stands as its plain string. Keys are sorted, bytes are {"$bytes":BASE64}, 64-bit integers
//   {"$bigint":DECIMAL}, undefined is null, and numbers are as JavaScript writes them: 1.0 is 1.

import * as Y from 'yjs'

const docs = new Map()

const operations = {
  new ({ doc: id, client }) {
    docs.get(id)?.destroy()
    const doc = new Y.Doc()
    if (client !== undefined) doc.clientID = client
    docs.set(id, doc)
    return { client: doc.clientID }
  },
  edit ({ doc: id, edits }) {
    const doc = open(id)
    let update = Uint8Array.of(0, 0)
    const take = (made) => { update = made }
    doc.once('update', take)
    try {
      doc.transact(() => edits.forEach((edit) => perform(doc, edit)))
    } finally {
      doc.off('update', take)
    }
    return { update: base64(update) }
  },
  apply ({ doc: id, update }) {
    const doc = open(id)
    Y.applyUpdate(doc, bytes(update))
    return { pending: doc.store.pendingStructs !== null || doc.store.pendingDs !== null }
  },
  diff ({ doc: id, since }) {
    return { update: base64(Y.encodeStateAsUpdate(open(id), since === null ? undefined : bytes(since))) }
  },
  vector ({ doc: id }) {
    return { vector: base64(Y.encodeStateVector(open(id))) }
  },
  json ({ doc: id }) {
    const { text, map, array, xml } = roots(open(id))
    return { json: { text: delta(text), map: plain(map), array: plain(array), xml: xml.toArray().map(node) } }
  },
  drop ({ doc: id }) {
    open(id).destroy()
    docs.delete(id)
    return {}
  }
}

const edits = {
  'text-insert' (text, { at, text: inserted, attributes }) {
    within(text, at).insert(at, inserted, attributes)
  },
  'text-embed' (text, { at, value, attributes = {} }) {
    within(text, at).insertEmbed(at, value, attributes)
  },
  'text-delete' (text, { at, length }) {
    within(text, at, length).delete(at, length)
  },
  'text-format' (text, { at, length, attributes }) {
    within(text, at, length).format(at, length, attributes)
  },
  'map-set' (map, { key, value }) {
    map.set(key, shared(value))
  },
  'map-delete' (map, { key }) {
    map.delete(key)
  },
  'array-insert' (array, { at, values }) {
    within(array, at).insert(at, values.map(shared))
  },
  'array-delete' (array, { at, length }) {
    within(array, at, length).delete(at, length)
  },
  'xml-element' (parent, { at, name }) {
    within(parent, at).insert(at, [new Y.XmlElement(name)])
  },
  'xml-text' (parent, { at, text }) {
    within(parent, at).insert(at, [new Y.XmlText(text)])
  },
  'xml-delete' (parent, { at, length }) {
    within(parent, at, length).delete(at, length)
  },
  'xml-set' (element, { key, value }) {
    expect(element, Y.XmlElement).setAttribute(key, value)
  },
  'xml-unset' (element, { key }) {
    expect(element, Y.XmlElement).removeAttribute(key)
  }
}

const kinds = { text: Y.Text, map: Y.Map, array: Y.Array, xml: Y.XmlFragment }

function open (id) {
  const doc = docs.get(id)
  if (doc === undefined) throw new Error(`no document ${JSON.stringify(id)}`)
  return doc
}

function roots (doc) {
  return Object.fromEntries(Object.entries(kinds).map(([name, type]) => [name, doc.get(name, type)]))
}

function perform (doc, edit) {
  if (!Object.hasOwn(edits, edit.do)) throw new Error(`no edit ${JSON.stringify(edit.do)}`)
  const kind = edit.do.split('-')[0]
  const [root, ...steps] = edit.path ?? [kind]
  const target = steps.reduce((type, step) => type?.get?.(step), roots(doc)[root])
  edits[edit.do](expect(target, kinds[kind]), edit)
}

function expect (type, wanted) {
  if (!(type instanceof wanted)) throw new Error(`the path leads to no ${wanted.name}`)
  return type
}

function within (type, at, length = 0) {
  const valid = Number.isInteger(at) && Number.isInteger(length) && at >= 0 && length >= 0
  if (!valid || at + length > type.length) {
    throw new Error(`${length} from ${at} is outside of a length of ${type.length}`)
  }
  return type
}

/** A value as it goes into a map or an array. */
function shared (value) {
  if (value === null || typeof value !== 'object') return value
  if ('$text' in value) return new Y.Text(value.$text)
  if ('$array' in value) return Y.Array.from(value.$array.map(shared))
  if ('$map' in value) return new Y.Map(Object.entries(value.$map).map(([key, held]) => [key, shared(held)]))
  return value
}

/** A value of a map or an array as JSON that is equal wherever the content is. */
function plain (value) {
  if (value === undefined || value === null) return null
  if (typeof value === 'bigint') return { $bigint: value.toString() }
  if (typeof value !== 'object') return value
  if (value instanceof Uint8Array) return { $bytes: base64(value) }
  if (value instanceof Y.Text) return value.toString()
  if (value instanceof Y.Array) return value.toArray().map(plain)
  if (value instanceof Y.Map) return sorted([...value.entries()])
  if (Array.isArray(value)) return value.map(plain)
  return sorted(Object.entries(value))
}

function sorted (entries) {
  const byKey = ([a], [b]) => (a < b ? -1 : 1)
  return Object.fromEntries(entries.sort(byKey).map(([key, value]) => [key, plain(value)]))
}

function delta (text) {
  const runs = []
  for (const { insert, attributes = {} } of text.toDelta()) {
    const run = { insert: plain(insert) }
    if (Object.keys(attributes).length > 0) run.attributes = plain(attributes)
    const last = runs.at(-1)
    const joins = typeof last?.insert === 'string' && typeof insert === 'string' &&
      JSON.stringify(last.attributes) === JSON.stringify(run.attributes)
    if (joins) last.insert += insert
    else runs.push(run)
  }
  return runs
}

function node (type) {
  if (type instanceof Y.XmlText) return { text: delta(type) }
  return { name: type.nodeName, attributes: plain(type.getAttributes()), children: type.toArray().map(node) }
}

function base64 (array) {
  return Buffer.from(array).toString('base64')
}

function bytes (text) {
  return new Uint8Array(Buffer.from(text, 'base64'))
}

function respond (request) {
  try {
    if (!Object.hasOwn(operations, request.op)) throw new Error(`no operation ${JSON.stringify(request.op)}`)
    return operations[request.op](request)
  } catch (error) {
    return { error: error.message }
  }
}

function answer (line) {
  let asked
  try {
    asked = JSON.parse(line)
  } catch (error) {
    return { error: error.message }
  }
  return Array.isArray(asked) ? asked.map(respond) : respond(asked)
}

// Not node:readline: it ends lines also at U+2028 and U+2029, which JSON allows inside strings.
let unfinished = []
for await (const chunk of process.stdin.setEncoding('utf8')) {
  const [end, ...begun] = chunk.split('\n')
  unfinished.push(end)
  for (const next of begun) {
    process.stdout.write(JSON.stringify(answer(unfinished.join(''))) + '\n')
    unfinished = [next]
  }
}
