/**
 * Preloaded into a node under test: what it dials on loopback goes to the proxy of the tests instead, which is told the
 * port that was meant in the first line. So the proxy knows both ends of every connection, whatever addresses the
 * membership holds, and the node itself is what is built, unchanged.
 */
import { Socket } from 'node:net'

const proxyPort = Number(process.env.DIAL_PROXY_PORT)
const connect = Socket.prototype.connect

Socket.prototype.connect = function connectToProxy(...args) {
  // `net.connect` hands over its arguments as one array.
  const [options] = Array.isArray(args[0]) ? args[0] : args
  const { port } = options
  const redirected = { ...options, host: '127.0.0.1', port: proxyPort }
  if (Array.isArray(args[0])) args[0][0] = redirected
  else args[0] = redirected
  const socket = connect.apply(this, args)
  socket.write(`${port}\n`)
  return socket
}
