//go:build tools

// Package tools pins the command that repositories are read from.
package tools

import (
	_ "github.com/restic/restic/cmd/restic"
)
