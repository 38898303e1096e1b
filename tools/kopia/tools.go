//go:build tools

// Package tools pins the command that repositories are held against.
package tools

import (
	_ "github.com/kopia/kopia"
)
