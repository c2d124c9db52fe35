// SPDX-License-Identifier: Apache-2.0
/** Files of the user's that outlive a command: where they are, and their removal. */
@NullMarked
package dev.faultline.shell.internal.disk;

import org.jspecify.annotations.NullMarked;
