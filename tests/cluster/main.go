package main

import (
	"fmt"
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func main() {
	fmt.Println(os.Args, etcdmain.Main, cli.Run, apiserver.NewAPIServerCommand, controllermanager.NewControllerManagerCommand, scheduler.NewSchedulerCommand, kubelet.NewKubeletCommand)
}
