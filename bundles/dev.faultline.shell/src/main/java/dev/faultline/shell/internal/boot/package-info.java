// SPDX-License-Identifier: Apache-2.0
/** The command {@code run}, and the boot cache from the command line. */
@NullMarked
package dev.faultline.shell.internal.boot;

import org.jspecify.annotations.NullMarked;
