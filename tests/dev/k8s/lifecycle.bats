#!/usr/bin/env bats
# The real cluster starts, and leaves nothing on the machine. Run by `make test-k8s`.

setup() {
  load ../../integration/test_helper
  STATE=$BATS_TEST_TMPDIR/state
}

teardown() {
  cluster stop
}

cluster() { # COMMAND [COMPONENT]
  "$GKE_JOB_PYTHON" -m k8s "$@" --state "$STATE"
}

# Prints the state of the machine that a Kubernetes node could change outside of its own directory. Other clusters may run.
machine() {
  cat /proc/self/mountinfo
  ip -oneline link | awk '{print $2}'
  find /sys/fs/cgroup -maxdepth 2 -type d ! -name 'gke-job-cluster-*'
  find /run /var/lib /var/log /etc /opt /usr/libexec -maxdepth 3 2>/dev/null | sort
  sysctl --ignore vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops \
    kernel.keys.root_maxkeys kernel.keys.root_maxbytes net.ipv4.ip_forward net.ipv4.conf.all.forwarding
}

# Records the state of the machine and starts the cluster.
start() {
  machine >"$BATS_TEST_TMPDIR/before"
  cluster start
  cgroup=$(<"$STATE/cgroup")
  assert [ -d "/sys/fs/cgroup/memory/$cgroup/kubepods" ]
  assert pgrep --full "$STATE"
  # shellcheck disable=SC1091 # written by the cluster
  source "$STATE/env"
}

assert_no_trace() {
  machine >"$BATS_TEST_TMPDIR/after"
  run diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  assert_output ''
  assert [ ! -e "$STATE" ]
  refute [ "$(find /sys/fs/cgroup -name "$cgroup")" ]
  refute pgrep --full "$STATE"
}

run_a_job() {
  kubectl create job hello --image busybox -- sh -c 'echo hello; id -u'
  kubectl wait --for condition=complete --timeout 60s job/hello
  run kubectl logs job/hello
  assert_output $'hello\n0'
}

@test "a cluster starts, runs a Job, and stops without a trace" {
  start
  run_a_job
  cluster stop
  assert_no_trace
}

@test "node pools grow for a Job, and stop without a trace" {
  start
  "$GKE_JOB_PYTHON" -m k8s.pools start --state "$STATE"
  kubectl create --filename - <<'END'
apiVersion: batch/v1
kind: Job
metadata: {name: played}
spec:
  template:
    metadata: {annotations: {kwok/log: hello, kwok/message: "7", kwok/ends-after: 1s}}
    spec:
      restartPolicy: Never
      nodeSelector: {cloud.google.com/gke-nodepool: highmem-pool}
      containers: [{name: main, image: none, command: [none]}]
END
  kubectl wait --for jsonpath='{.status.ready}'=1 --timeout 60s job/played
  run kubectl logs --follow job/played
  assert_output hello
  kubectl wait --for condition=complete --timeout 60s job/played
  run kubectl get pods --output 'jsonpath={.items[0].spec.nodeName}: {.items[0].status.containerStatuses[0].state.terminated.message}'
  assert_output 'gke-ml-cluster-highmem-pool-1: 7'
  "$GKE_JOB_PYTHON" -m k8s.pools stop --state "$STATE"
  run kubectl get nodes,pods --output name
  assert_output node/node-1
  cluster stop
  assert_no_trace
}

@test "a cluster that is killed while a Job runs is stopped without a trace" {
  start
  kubectl create job sleeper --image busybox -- sleep 1000
  kubectl wait --for jsonpath='{.status.ready}'=1 --timeout 60s job/sleeper
  kill -KILL "$(<"$STATE/pid")"
  cluster stop
  assert_no_trace
}

@test "each killed component is restarted, and Jobs continue" {
  start
  local component
  for component in coredns kubelet containerd kube-scheduler kube-controller-manager kube-apiserver etcd; do
    cluster restart "$component"
  done
  # A restarted API server denies requests that its Roles allow until it has read them.
  wait_until kubectl get --raw /readyz
  run_a_job
}

@test "a directory that is not empty is left unchanged" {
  mkdir "$STATE"
  touch "$STATE/mine"
  run cluster start
  assert_failure
  assert_output --partial "$STATE is not empty"
  run cluster stop
  assert_failure
  assert_output --partial 'is not the state of a cluster'
  assert [ -e "$STATE/mine" ]
  rm -r "$STATE"
}

@test "the error for an unknown component names it and the existing ones" {
  mkdir -p "$STATE/pids"
  touch "$STATE/pids/kubelet"
  run cluster restart kubelt
  assert_failure
  assert_output "cluster: $STATE has no component 'kubelt'; it has kubelet"
  rm -r "$STATE"
}
