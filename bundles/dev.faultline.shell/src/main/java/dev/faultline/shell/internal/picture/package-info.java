// SPDX-License-Identifier: Apache-2.0
/** Where a machine's pages are and when they are wanted: pictures for terminals and files. */
@NullMarked
package dev.faultline.shell.internal.picture;

import org.jspecify.annotations.NullMarked;
