// A registry with the referrers API, for the contract suite: Debian's docker-registry has none.
package main

import (
	"flag"
	"log"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	address := flag.String("address", "127.0.0.1:0", "host:port to listen on")
	storage := flag.String("storage", "", "folder that keeps the blobs")
	flag.Parse()

	server := &http.Server{
		Addr:              *address,
		ReadHeaderTimeout: 5 * time.Second,
		Handler: registry.New(
			registry.WithBlobHandler(registry.NewDiskBlobHandler(*storage)),
			registry.WithReferrersSupport(true),
		),
	}
	log.Fatal(server.ListenAndServe())
}
