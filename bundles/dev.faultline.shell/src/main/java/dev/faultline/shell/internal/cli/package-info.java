// SPDX-License-Identifier: Apache-2.0
/**
 * What all commands share: exit codes, facts for scripts, progress, sizes and places as text, ends
 * by signal.
 */
@NullMarked
package dev.faultline.shell.internal.cli;

import org.jspecify.annotations.NullMarked;
