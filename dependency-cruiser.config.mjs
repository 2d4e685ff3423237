/** Who may import whom (ARCHITECTURE.md, "Rooms"). Folders and type-only edges count; each rule says what to do instead. */
const pure = 'node_modules/(zod|@noble/hashes|@msgpack/msgpack)/'
const stage = (name, ...may) => ({
  name: `core-${name}-order`,
  severity: 'error',
  comment: `core/${name} stands on the road after what it imports: ${['errors', ...may].join(', ')}. Move the shared part to an earlier stage.`,
  from: { path: `^core/${name}/`, pathNot: '[.]test[.]ts$' },
  to: { path: '^core/', pathNot: `^core/(${[name, ...may].join('|')})/|^core/errors[.]ts$` },
})
const first = ['time', 'define']

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
          '[.](test|test-d|config)[.](ts|mjs)$|[.]d[.]ts$|^drill/drills/|^drill/faults/skewed-clock[.]ts$|^(bench|feature_repo|test|templates)/|(main|bundle|index)[.]ts$',
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
    stage('measure'),
    stage('define', 'time', 'compute/operations'),
    {
      name: 'operations-lean-on-little',
      severity: 'error',
      comment:
        'An operation of windows is one file, of which core/define asks the types and core/compute the SQL: it sees column types and the algebra, and nothing that needs a view.',
      from: { path: '^core/compute/operations/', pathNot: '[.]test[.]ts$' },
      to: {
        pathNot:
          '^core/compute/(operations/|sql-algebra[.]ts$|column-types[.]ts$)|^core/define/column-types?[.]ts$|^core/errors[.]ts$',
      },
    },
    stage('source', ...first),
    stage('plan', ...first, 'source'),
    stage('compute', ...first, 'source', 'plan'),
    stage('training', ...first, 'compute'),
    stage('compact', ...first, 'compute'),
    stage('judge', ...first, 'source', 'plan', 'compute'),
    stage('publish', ...first, 'source', 'plan', 'compute', 'judge'),
    stage('serve', ...first, 'publish', 'compute'),
    stage('explain', ...first, 'source', 'plan', 'compute', 'publish', 'serve'),
    stage('quality', ...first, 'source', 'plan', 'compute', 'publish', 'serve', 'explain'),
    stage('watch', ...first, 'plan', 'judge', 'quality'),
    stage('alert', ...first, 'watch', 'runbook'),
    stage('backup', ...first),
    stage('runbook', 'watch'),
    {
      name: 'core-errors-know-nothing',
      severity: 'error',
      comment: 'The table of codes comes before every stage.',
      from: { path: '^core/errors[.]ts$' },
      to: { path: '.' },
    },
    {
      name: 'ports-take-types',
      severity: 'error',
      comment: 'A port is a page of interfaces; what computes belongs in a stage.',
      from: { path: '^core/ports/', pathNot: '[.]test[.]ts$' },
      to: { path: '^core/(?!ports/)', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'adapters-stand-alone',
      severity: 'error',
      comment:
        'An adapter implements ports of core and knows its own SDK; what two adapters share belongs in core or in workers/stack-ports.ts. How an alert is posted over HTTP is shared by the channels that do.',
      from: { path: '^adapters/(alerts/[^/]+|[^/]+)/', pathNot: '[.]test[.]ts$' },
      to: {
        path: '^(adapters|activities|workflows|workers|cli|api|demo|bench)/',
        pathNot: '^adapters/$1/|^adapters/alerts/post-alert[.]ts$',
      },
    },
    {
      name: 'activities-get-adapters-as-arguments',
      severity: 'error',
      comment: 'createActivities(deps) is given ports; only workers/ chooses the adapters and the SDKs.',
      from: { path: '^activities/', pathNot: '[.]test[.]ts$' },
      to: { pathNot: '^(activities|core)/|^timers/promises$|node_modules/@temporalio/activity/' },
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
      name: 'workflows-sequence',
      severity: 'error',
      comment:
        'Not even types: the sandbox has no Node, and a workflow knows the steps by activities/, the values by core/.',
      from: { path: '^workflows/', pathNot: '[.]test[.]ts$' },
      to: { pathNot: '^(workflows|activities|core)/|node_modules/@temporalio/(workflow|common)/' },
    },
    {
      name: 'cli-through-ports',
      severity: 'error',
      comment: 'Commands are given stores; cli/command-process.ts and workers/stack-ports.ts are where they are made.',
      from: { path: '^cli/', pathNot: '^cli/command-process[.]ts$|[.]test[.]ts$' },
      to: { path: '^(adapters|activities|workflows)/' },
    },
    {
      name: 'api-through-ports',
      severity: 'error',
      comment:
        'The API is given definitions and stores; workers/ chooses them, and knows Postgres and Temporal for it.',
      from: { path: '^api/', pathNot: '[.]test[.]ts$' },
      to: { path: '^(adapters|activities|workflows|workers|cli)/|node_modules/@(temporalio|aws-sdk)/' },
    },
    {
      name: 'feature-repo-imports-the-package',
      severity: 'error',
      comment: "A team's definitions see `millcourse` and each other, nothing of the inside.",
      from: { path: '^(feature_repo|templates)/' },
      to: { pathNot: '^feature_repo/|^templates/|^millcourse$|^core/define/index[.]ts$|^dist/' },
    },
    {
      name: 'drills-stand-outside',
      severity: 'error',
      comment:
        'A drill breaks the product from outside: only the command that runs drills, tests and benchmarks know of them.',
      from: { pathNot: '^(drill|test|bench)/|^cli/commands/drill[.]ts$' },
      to: { path: '^drill/' },
    },
    {
      name: 'no-dep-on-test',
      severity: 'error',
      comment: 'Tests lean on the product, never the other way; only the demo shares their slow reference.',
      from: { pathNot: '^(test|demo|bench)/|[.]test[.]ts$' },
      to: { path: '^test/' },
    },
    {
      name: 'nothing-leans-on-the-edge',
      severity: 'error',
      comment:
        'The demo, the benchmarks and the definitions of a team use the product; the product is built without them.',
      from: { pathNot: '^(test|demo|bench|feature_repo|templates)/|[.]test[.]ts$' },
      to: { path: '^(demo|bench|feature_repo|templates)/' },
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
