// SPDX-License-Identifier: Apache-2.0
/** The command line: which commands there are, and how one is run. */
@NullMarked
package dev.faultline.shell.internal;

import org.jspecify.annotations.NullMarked;
