import { z } from 'zod'
import { NO_PARAMS } from '../../params.ts'
import { Health, Leadership, Readiness } from '../../shapes.ts'
import { jsonAnswer, NO_EXAMPLE, type Operation, READ } from '../operation.ts'

const LOCAL = { ...READ, kind: 'local', tag: 'Node', query: NO_PARAMS } as const

export const NODE_OPERATIONS: readonly Operation[] = [
  {
    ...LOCAL,
    id: 'getHealth',
    path: '/api/v1/health',
    summary: 'Does the process serve?',
    description: 'Ask this before restarting it.',
    success: jsonAnswer(200, Health, 'It does.'),
    reasons: ['state_diverged'],
    example: {
      ...NO_EXAMPLE,
      answer: {
        status: 'healthy',
        service: 'ipam',
        cluster_mode: true,
        version: '1.0.0',
        uptime: '2h30m15s',
      },
    },
  },
  {
    ...LOCAL,
    id: 'getReadiness',
    path: '/api/v1/health/ready',
    summary: 'Would a request succeed here?',
    description: 'What a load balancer asks: it knows a leader, has caught up, and does not drain.',
    success: jsonAnswer(200, Readiness, 'It would.'),
    reasons: ['not_ready'],
    example: { ...NO_EXAMPLE, answer: { status: 'ready', reasons: [] } },
  },
  {
    ...LOCAL,
    id: 'getLeadership',
    path: '/api/v1/health/leader',
    summary: 'Does this node lead?',
    description: 'Every node takes every request; this is for those who want to know all the same.',
    success: jsonAnswer(200, Leadership, 'It does.'),
    reasons: ['not_leader'],
    example: { ...NO_EXAMPLE, answer: { status: 'leader', node_id: 1 } },
  },
  {
    ...LOCAL,
    id: 'getMetrics',
    path: '/metrics',
    summary: 'Figures for Prometheus',
    description: 'In the text format 0.0.4. It takes any query.',
    success: { status: 200, description: 'Samples.', content: { 'text/plain': null }, headers: [] },
    example: { ...NO_EXAMPLE, answer: 'ipam_raft_is_leader 1\n' },
  },
  {
    ...LOCAL,
    id: 'getDescription',
    path: '/openapi.json',
    summary: 'This description',
    description: 'OpenAPI 3.1.',
    success: jsonAnswer(200, z.looseObject({ openapi: z.string() }), 'The document.', ['DocumentETag']),
    example: { ...NO_EXAMPLE, answer: { openapi: '3.1.1' } },
  },
  {
    ...LOCAL,
    id: 'getDocs',
    path: '/docs',
    summary: 'This description, to read',
    description: 'One page that needs nothing else.',
    success: {
      status: 200,
      description: 'The page.',
      content: { 'text/html': null },
      headers: ['DocumentETag', 'Content-Security-Policy', 'Referrer-Policy', 'X-Content-Type-Options'],
    },
    example: { ...NO_EXAMPLE, answer: '<!doctype html>' },
  },
]
