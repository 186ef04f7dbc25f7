#!/bin/sh
# The same real work as `pratique deliver`, with the tools' own command lines and nothing in between:
# build, push, sign, attest, list what is in it; then for each environment verify, read the secret, update the stack, run, wait healthy, check.
#
#   by_script.sh REPOSITORY SERVICE       (addresses, tokens and ports come from the environment: see measure.py)
set -eu
repository=$1
service=$2
commit=$(git -C "$repository" rev-parse HEAD)
image="$REGISTRY/$service"

# prepare
git -C "$repository" archive "$commit" | docker build --quiet --build-arg "SOURCE_COMMIT=$commit" --tag "$image:$commit" - >/dev/null
docker push --quiet "$image:$commit" >/dev/null
digest=$(docker inspect --format '{{index .RepoDigests 0}}' "$image:$commit" | cut -d@ -f2)
cat > "$WORK/provenance.json" <<JSON
{"buildDefinition": {"buildType": "https://example.com/script", "externalParameters": {"commit": "$commit"}},
 "runDetails": {"builder": {"id": "https://example.com/script"}}}
JSON
cosign sign --key hashivault://pratique --tlog-upload=false --use-signing-config=false --yes "$image@$digest" >/dev/null 2>&1
cosign attest --key hashivault://pratique --tlog-upload=false --use-signing-config=false --yes \
    --type slsaprovenance1 --predicate "$WORK/provenance.json" "$image@$digest" >/dev/null 2>&1
SYFT_CHECK_FOR_APP_UPDATE=false syft scan "docker:$image:$commit" --quiet --output "cyclonedx-json=$WORK/bill.json" 2>/dev/null
cosign attest --key hashivault://pratique --tlog-upload=false --use-signing-config=false --yes \
    --type cyclonedx --predicate "$WORK/bill.json" "$image@$digest" >/dev/null 2>&1

for environment in dev staging prod; do
    # decide
    cosign verify --key "$WORK/key.pem" --insecure-ignore-tlog=true "$image@$digest" >/dev/null 2>&1
    cosign verify-attestation --key "$WORK/key.pem" --insecure-ignore-tlog=true --type slsaprovenance1 "$image@$digest" >/dev/null 2>&1

    # infrastructure
    aws cloudformation deploy --no-fail-on-empty-changeset --stack-name "$service-$environment" \
        --template-file "$repository/infrastructure/messages/template.yaml" \
        --parameter-overrides "Environment=$environment" >/dev/null 2>"$WORK/aws" \
        || grep --quiet "No updates are to be performed" "$WORK/aws" # moto's word for an empty change set
    queue=$(aws cloudformation describe-stacks --stack-name "$service-$environment" \
        --query "Stacks[0].Outputs[?OutputKey=='QueueName'].OutputValue" --output text)

    # workload
    password=$(bao kv get -mount=kv -field=db_password "$service/$environment")
    name="$service-$environment"
    docker pull --quiet "$image@$digest" >/dev/null
    DB_PASSWORD="$password" docker run --detach --name "$name-$commit" --read-only --tmpfs /tmp --user 65532:65532 \
        --cap-drop ALL --security-opt no-new-privileges --memory 128m --cpus 0.5 --pids-limit 128 --init \
        --health-cmd '["/bin/busybox","wget","-q","-O","-","http://127.0.0.1:8080/healthz"]' --health-interval 1s \
        --env DB_PASSWORD --env "QUEUE=$queue" --env "PRATIQUE_ENVIRONMENT=$environment" \
        --publish 127.0.0.1::8080 --label "benchmark=$service" "$image@$digest" >/dev/null
    address=$(docker port "$name-$commit" 8080/tcp)

    # check
    until curl --silent --fail "http://$address/healthz" | grep -q ok; do sleep 0.1; done
    curl --silent --fail "http://$address/version" | grep -q "$commit"

    # the old one goes
    for old in $(docker ps --quiet --filter "label=benchmark=$service" --filter "name=$name-" --filter "before=$name-$commit"); do
        docker stop --time 5 "$old" >/dev/null
        docker rm "$old" >/dev/null
    done
done
