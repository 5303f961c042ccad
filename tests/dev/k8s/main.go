// Command kubernetes is a control plane and a kubelet in one program, with the etcd they need: they share most of their
// code, so one binary takes a fraction of the time and of the space of five.
//
//	kubernetes etcd|kube-apiserver|kube-controller-manager|kube-scheduler|kubelet FLAG...
//
// Flags and exit codes are those of the original programs; 64 for any other first word.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func main() {
	var part string
	if len(os.Args) > 1 {
		part = os.Args[1]
		os.Args = os.Args[1:]
	}
	// Only the command that runs is made: making one registers its feature gates for the whole process.
	var command *cobra.Command
	switch part {
	case "etcd":
		etcdmain.Main(os.Args)
		return
	case "kube-apiserver":
		command = apiserver.NewAPIServerCommand()
	case "kube-controller-manager":
		command = controllermanager.NewControllerManagerCommand()
	case "kube-scheduler":
		command = scheduler.NewSchedulerCommand()
	case "kubelet":
		command = kubelet.NewKubeletCommand(context.Background())
	default:
		fmt.Fprintf(os.Stderr, "kubernetes: %q is no part: give etcd, kube-apiserver, kube-controller-manager, kube-scheduler or kubelet\n", part)
		os.Exit(64)
	}
	os.Exit(cli.Run(command))
}
