/** Who may import whom (ARCHITECTURE.md, "Rooms"). Folders and type-only edges count; each rule says what to do instead. */
const pure = 'node_modules/(zod|@noble/hashes|@msgpack/msgpack)/'
const stage = (name, ...may) => ({
  name: `core-${name}-order`,
  severity: 'error',
  comment: `core/${name} stands on the road after what it imports: ${['define', 'time', 'errors', ...may].join(', ')}. Move the shared part to an earlier stage.`,
  from: { path: `^core/${name}/`, pathNot: '[.]test[.]ts$' },
  to: { path: '^core/', pathNot: `^core/(${[name, 'define', 'time', ...may].join('|')})/|^core/errors[.]ts$` },
})

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      comment: 'Name the third thing both need.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      comment: 'Nothing imports it: delete it, or export it from its room.',
      from: {
        orphan: true,
        pathNot:
          '[.](test|test-d|config)[.](ts|mjs)$|[.]d[.]ts$|^(bench|feature_repo|test|templates)/|(main|bundle|index)[.]ts$',
      },
      to: {},
    },
    {
      name: 'core-is-pure',
      severity: 'error',
      comment:
        'core runs in property tests and beside the workflow sandbox: give it values, not clients. I/O goes through core/ports.',
      from: { path: '^core/', pathNot: '[.]test[.]ts$' },
      to: { pathNot: `^core/|${pure}` },
    },
    stage('time'),
    stage('define'),
    stage('source'),
    stage('plan', 'source'),
    stage('compute', 'source', 'plan'),
    stage('judge', 'source', 'plan', 'compute'),
    stage('publish', 'source', 'plan', 'compute', 'judge'),
    stage('serve', 'publish', 'compute'),
    stage('watch', 'plan'),
    {
      name: 'adapters-stand-alone',
      severity: 'error',
      comment:
        'An adapter implements ports of core and knows its own SDK; what two adapters share belongs in core or in workers/stack-ports.ts.',
      from: { path: '^adapters/([^/]+)/', pathNot: '[.]test[.]ts$' },
      to: { path: '^(adapters|activities|workflows|workers|cli|api)/', pathNot: '^adapters/$1/' },
    },
    {
      name: 'activities-get-adapters-as-arguments',
      severity: 'error',
      comment: 'createActivities(deps) is given ports; only workers/ chooses the adapters.',
      from: { path: '^activities/', pathNot: '[.]test[.]ts$' },
      to: { path: '^(adapters|workflows|workers|cli|api)/' },
    },
    {
      name: 'workflows-take-types',
      severity: 'error',
      comment:
        'What runs inside a workflow is frozen by the replay of open histories: activities decide, workflows sequence.',
      from: { path: '^workflows/', pathNot: '[.]test[.]ts$' },
      to: {
        dependencyTypesNot: ['type-only'],
        pathNot:
          '^workflows/|^core/(errors[.]ts|time/)|^core/ports/run-control[.]ts|node_modules/@temporalio/(workflow|common)/',
      },
    },
    {
      name: 'workflows-know-no-node',
      severity: 'error',
      comment: 'The workflow sandbox has no Node.',
      from: { path: '^workflows/', pathNot: '[.]test[.]ts$' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'cli-through-ports',
      severity: 'error',
      comment: 'Commands are given stores; cli/main.ts and workers/stack-ports.ts are where they are made.',
      from: { path: '^cli/', pathNot: '^cli/main[.]ts$|[.]test[.]ts$' },
      to: { path: '^(adapters|activities|workflows)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'feature-repo-imports-the-package',
      severity: 'error',
      comment: "A team's definitions see `millcourse` and each other, nothing of the inside.",
      from: { path: '^(feature_repo|templates)/' },
      to: { pathNot: '^feature_repo/|^templates/|^millcourse$|^core/define/index[.]ts$|^dist/' },
    },
    {
      name: 'no-dep-on-test',
      severity: 'error',
      comment: 'Tests lean on the product, never the other way; only the demo shares their slow reference.',
      from: { pathNot: '^(test|demo|bench)/|[.]test[.]ts$' },
      to: { path: '^test/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|[.]cache)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.mjs', '.js', '.json'],
    },
  },
}
