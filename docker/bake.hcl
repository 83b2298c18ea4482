# Builds the image for all platforms, the same from the same commit, with what a registry and its scanners want to know:
#
#   VERSION=0.1.0 REVISION=$(git rev-parse HEAD) SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) \
#     docker buildx bake -f docker/bake.hcl

variable "IMAGE" {
  default = "ghcr.io/ir-engine/taskserver"
}

variable "VERSION" {
  default = "0.0.0"
}

variable "REVISION" {
  default = "unknown"
}

# The time of the commit, in seconds. BuildKit gives it to every file of the image.
variable "SOURCE_DATE_EPOCH" {
  default = 0
}

target "default" {
  context    = "."
  dockerfile = "docker/Dockerfile"
  platforms  = ["linux/amd64", "linux/arm64"]
  tags       = ["${IMAGE}:${VERSION}"]
  args = {
    VERSION           = VERSION
    REVISION          = REVISION
    CREATED           = timeadd("1970-01-01T00:00:00Z", "${SOURCE_DATE_EPOCH}s")
    SOURCE_DATE_EPOCH = SOURCE_DATE_EPOCH
  }
  attest = ["type=sbom", "type=provenance,mode=max"]
  output = ["type=image,push=false,rewrite-timestamp=true"]
}
