// SPDX-License-Identifier: Apache-2.0
/** What a host's file system is asked: durable writes, locks on directories, where paths lead. */
@NullMarked
package dev.faultline.snapshot.internal.disk;

import org.jspecify.annotations.NullMarked;
