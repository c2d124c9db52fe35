// SPDX-License-Identifier: Apache-2.0
/**
 * Commands of the interactive shell, scope {@code vm}: plain services with the {@code osgi.command}
 * properties, so that nothing of Gogo is needed where there is no shell. The commands' descriptions
 * are annotations of an optional package.
 */
@NullMarked
package dev.faultline.shell.internal.gogo;

import org.jspecify.annotations.NullMarked;
